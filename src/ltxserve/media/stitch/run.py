"""Joins clips into one file: looks, plans, copies or encodes, puts the result in place whole."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from ltxserve.errors import MediaError, Problem, RequestRefused
from ltxserve.media.atomic import replacing
from ltxserve.media.encode import MEDIA_TYPES, EncodedFile, check_target, measure_file
from ltxserve.media.failures import writing
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.formats.container import ContainerFormat
from ltxserve.media.formats.mp4 import MP4
from ltxserve.media.formats.webm import WEBM
from ltxserve.media.metadata import clean_metadata
from ltxserve.media.stitch.copying import can_copy, copy, is_exact
from ltxserve.media.stitch.facts import ClipFacts, look
from ltxserve.media.stitch.judge import judge
from ltxserve.media.stitch.loudness import Levelling, levelling, measure
from ltxserve.media.stitch.mix import mixed
from ltxserve.media.stitch.nouns import Stitch
from ltxserve.media.stitch.pictures import Planes, pictures
from ltxserve.media.stitch.plan import StitchPlan, plan_stitch
from ltxserve.media.stitch.sounds import Hearing, hear
from ltxserve.media.stitch.write import Heard, encode
from ltxserve.progress import NullObserver, Observer, Progress

STAGE = "stitch"
_LAYOUTS: dict[str, ContainerFormat] = {"mp4": MP4, "webm": WEBM}
_OFF_TARGET = 1.0  # LU; what listeners begin to notice


@dataclass(frozen=True)
class Stitched:
    """A finished stitch. copied: the pictures were copied, not encoded anew. loudness: LUFS of the
    finished sound where a target was asked for and there was something to hear."""

    file: EncodedFile
    plan: StitchPlan
    copied: bool
    loudness: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Writing:
    """Where a stitch goes, what is embedded in it, and who watches. durable: see EncodeTarget."""

    path: Path
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    observer: Observer = field(default_factory=NullObserver)
    durable: bool = True


def write_stitch(stitch: Stitch, clips: Sequence[Path], to: Writing) -> Stitched:
    """Join clips (one path per clip, in order) into `to.path`, which appears whole or not at all.

    The observer is called at every frame (stage "stitch") and may raise Cancelled. Raises
    RequestRefused for what cannot be done with these clips, MediaError for clips that cannot be
    read and files that cannot be written.
    """
    plan = look_and_plan(stitch, clips)
    return write_plan(plan, to)


def look_and_plan(stitch: Stitch, clips: Sequence[Path]) -> StitchPlan:
    """Measure the clips and decide everything; no frame is made.

    Raises RequestRefused with every problem, those of unreadable clips too.
    """
    problems = list(judge(stitch))
    if problems:
        raise RequestRefused(problems)
    facts: list[ClipFacts] = []
    known: dict[Path, ClipFacts] = {}
    for index, path in enumerate(clips):
        try:
            facts.append(known.setdefault(path, known.get(path) or look(path)))
        except MediaError as error:
            where = f"clips.{index}.source"
            problems.append(Problem(error.code, error.message, error.hint, where))
    if problems:
        raise RequestRefused(problems)
    return plan_stitch(stitch, facts)


def write_plan(plan: StitchPlan, to: Writing) -> Stitched:
    """Carry out a plan: copy the pictures where that is proved exact, encode them otherwise."""
    target = _target(plan, to)
    check_target(target)
    heard_at_all, level = _level(plan)
    with replacing(target.path, durable=to.durable) as draft:
        inside = replace(target, path=draft.result)
        copied = can_copy(plan) and _copied(plan, level, inside, to.observer)
        if not copied:
            _encoded(plan, level, inside, to.observer)
        finished = _loudness_of(draft.result, plan) if heard_at_all else None
        size, digest = measure_file(draft.result)
    file = EncodedFile(
        path=target.path,
        format=target.format,
        media_type=MEDIA_TYPES[target.format],
        bytes=size,
        sha256=digest,
        width=plan.width,
        height=plan.height,
        num_frames=plan.num_frames,
        fps=plan.fps,
        has_sound=plan.sample_rate is not None,
    )
    return Stitched(file, plan, copied, finished, tuple(_warnings(plan, finished)))


def _target(plan: StitchPlan, to: Writing) -> EncodeTarget:
    metadata = clean_metadata(to.metadata) if plan.output.embed_metadata else {}
    path, format = to.path.absolute(), plan.output.format
    return EncodeTarget(path, format, plan.fps, plan.width, plan.height, plan.output.crf, metadata)


def _level(plan: StitchPlan) -> tuple[bool, Levelling]:
    """Whether there is something to bring to a loudness, and the gain that does it; the whole
    sound is heard once to know."""
    if plan.loudness is None or plan.sample_rate is None:
        return False, Levelling(1.0, False)
    found = measure(mixed(plan), plan.sample_rate, plan.channels)
    return found.integrated is not None, levelling(found, plan.loudness)


def _copied(plan: StitchPlan, level: Levelling, target: EncodeTarget, observer: Observer) -> bool:
    """Try the copy; False if it is not what the clips are, and then nothing of it is kept."""
    observer(Progress(STAGE, 0, plan.num_frames, "copy"))
    with _sound(plan, level) as heard, writing(target.path.name):
        lined_up = copy(plan, heard, target)
    if lined_up and is_exact(plan, target.path):
        observer(Progress(STAGE, plan.num_frames, plan.num_frames, "copy"))
        return True
    target.path.unlink()
    return False


def _encoded(plan: StitchPlan, level: Levelling, target: EncodeTarget, observer: Observer) -> None:
    layout = _LAYOUTS[target.format]
    observer(Progress(STAGE, 0, plan.num_frames))
    with (
        _sound(plan, level) as heard,
        closing(_watched(plan, observer)) as frames,
        writing(target.path.name),
    ):
        encode(frames, heard, layout, target)


def _watched(plan: StitchPlan, observer: Observer) -> Generator[Planes]:
    with closing(pictures(plan)) as frames:
        for count, frame in enumerate(frames, 1):
            yield frame
            observer(Progress(STAGE, count, plan.num_frames))


@contextmanager
def _sound(plan: StitchPlan, level: Levelling) -> Iterator[Heard | None]:
    if plan.sample_rate is None:
        yield None
        return
    with closing(mixed(plan)) as pieces:
        levelled = level.apply(pieces, plan.sample_rate, plan.channels)
        yield Heard(levelled, plan.sample_rate, plan.channels)


def _loudness_of(path: Path, plan: StitchPlan) -> float | None:
    """LUFS of what was written, as a listener decodes it."""
    facts = look(path)
    if facts.sample_rate is None:
        return None
    hearing = Hearing(Fraction(0), Fraction(1), True, facts.sample_rate, facts.channels)
    with closing(hear(facts, hearing)) as pieces:
        return measure(pieces, facts.sample_rate, plan.channels).integrated


def _warnings(plan: StitchPlan, finished: float | None) -> Iterator[str]:
    if plan.loudness is None:
        return
    if finished is None:
        yield "There is nothing to hear, so the sound was not brought to a loudness."
    elif abs(finished - plan.loudness) > _OFF_TARGET:
        yield (
            f"The sound has {finished:.1f} LUFS instead of {plan.loudness:.1f}: its peaks stand "
            "so far above the rest that more gain would distort it."
        )
