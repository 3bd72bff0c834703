"""Fills what a request leaves open from the sources it names; the plan itself opens no file.

Everything that plans a request a person made goes through here first: the engine, the command and
the service. What was asked for stays; what was measured replaces what a caller says of a source.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ltxserve.catalog import Catalog, ModelSpec
from ltxserve.engine import geometry
from ltxserve.engine.findings import Findings
from ltxserve.engine.looking import VideoFacts, look_at_sound, look_at_video, named
from ltxserve.engine.plan import plan
from ltxserve.engine.plan.sanity import sane
from ltxserve.engine.plan.ways import FROM_VIDEO, source_of
from ltxserve.engine.sources import sound_problem, video_problem
from ltxserve.errors import LtxserveError, MediaError, Problem, RequestRefused
from ltxserve.media.decode import MAX_CLIP_BYTES
from ltxserve.types import GenerationRequest, VideoSource

_READ_WHOLE = ("retake", "extend")
"""Ways that deliver a source besides what they make."""
_SIZE = ("width", "height", "size", "aspect_ratio")


@dataclass(frozen=True)
class Eyes:
    """How sources are looked at: paths, URLs and data URIs unless somebody knows more kinds.

    Both raise MediaError; None = it cannot be looked at yet, so what it decides stays open.
    """

    video: Callable[[str], VideoFacts | None] = look_at_video
    sound: Callable[[str], float | None] = look_at_sound


def settle(request: GenerationRequest, catalog: Catalog, eyes: Eyes = Eyes()) -> GenerationRequest:
    """The request with size, rate and length of its source where it leaves them open.

    A request that the plan will refuse for its text alone is given back as it is. Raises
    MediaError for a source that cannot be read, or RequestRefused where more is wrong than that.
    """
    if source_of(request) is None and request.sound is None:
        return request
    if sane(request, Findings()) is not request:
        return request
    try:
        spec = catalog.model(request.model)
    except LtxserveError:
        return request
    try:
        return _of_sound(_of_video(request, spec, eyes), spec, eyes)
    except MediaError as error:
        _refuse_with_the_rest(request, catalog, error)
        raise


def _refuse_with_the_rest(request: GenerationRequest, catalog: Catalog, error: MediaError) -> None:
    """A source that cannot be read and what else is wrong: all problems at once."""
    try:
        plan(request, catalog)
    except RequestRefused as refused:
        unread = Problem(error.code, error.message, error.hint, error.field)
        raise RequestRefused([unread, *refused.problems]) from None


def _of_video(request: GenerationRequest, spec: ModelSpec, eyes: Eyes) -> GenerationRequest:
    asked = [name for name in FROM_VIDEO if getattr(request, name) is not None]
    if len(asked) != 1 or not getattr(spec.supports, asked[0]):
        return request
    source: VideoSource = getattr(request, asked[0])
    if video_problem(source.source):
        return request
    with named(f"{asked[0]}.source"):
        facts = eyes.video(source.source)
        if facts is not None and asked[0] in _READ_WHOLE:
            _check_length(facts)
    if facts is None:
        return request
    changes: dict[str, Any] = {}
    if request.fps is None:
        changes["fps"] = _rate(facts, spec)
    if all(getattr(request, name) is None for name in _SIZE):
        changes["width"], changes["height"] = _size(facts, spec)
    fps = changes.get("fps", request.fps)
    frames = _frames(facts, fps, spec)
    open_length = request.num_frames is None and request.seconds is None
    if frames is not None and open_length and asked[0] == "video_to_video":
        changes["num_frames"] = geometry.frames_floor(frames)
    measured = {"source_frames": frames, "source_has_sound": facts.has_sound}
    changes[asked[0]] = source.model_copy(update=measured)
    return request.model_copy(update=changes)


def _of_sound(request: GenerationRequest, spec: ModelSpec, eyes: Eyes) -> GenerationRequest:
    asked = request.sound
    if asked is None or not spec.supports.audio_to_video or sound_problem(asked.source):
        return request
    with named("sound.source"):
        seconds = eyes.sound(asked.source)
    if seconds is None:
        return request
    changes: dict[str, Any] = {"sound": asked.model_copy(update={"source_seconds": seconds})}
    left = seconds - asked.start if math.isfinite(asked.start) else 0.0
    if request.num_frames is None and request.seconds is None and left > 0:
        fps = spec.defaults.fps if request.fps is None else request.fps
        if spec.limits.min_fps <= fps <= spec.limits.max_fps:
            # A last frame whose sound ends within it still counts.
            changes["num_frames"] = geometry.frames_floor(math.floor(left * fps + 0.5))
    return request.model_copy(update=changes)


def _check_length(facts: VideoFacts) -> None:
    """Refuse before the run what reading would refuse in it. Raises MediaError."""
    if facts.width * facts.height * 3 * facts.num_frames > MAX_CLIP_BYTES:
        raise MediaError(
            "media_too_large",
            f"{facts.num_frames} frames of {facts.width}x{facts.height} are more than"
            f" {MAX_CLIP_BYTES // 2**30} GiB of pixels.",
            "Give the part of the video that matters, and join what comes out with the rest"
            " (ltxserve stitch).",
        )


def _rate(facts: VideoFacts, spec: ModelSpec) -> float:
    rate = float(facts.fps)
    low, high = spec.limits.min_fps, spec.limits.max_fps
    return rate if low <= rate <= high else spec.defaults.fps


def _frames(facts: VideoFacts, fps: float, spec: ModelSpec) -> int | None:
    """Frames of the source at the clip's rate; None where that rate is none."""
    if not spec.limits.min_fps <= fps <= spec.limits.max_fps:
        return None
    own = float(facts.fps)
    return facts.num_frames if fps == own else math.ceil(facts.num_frames / own * fps - 1e-6)


def _size(facts: VideoFacts, spec: ModelSpec) -> tuple[int, int]:
    """The source's own size where the model makes it, else the nearest of the same shape."""
    multiple, limits = spec.limits.multiple, spec.limits
    even = facts.width - facts.width % 2, facts.height - facts.height % 2
    inside = all(limits.min_side <= side <= limits.max_side for side in even)
    if inside and geometry.is_legal(geometry.cover(even, multiple), multiple, limits):
        return even
    return geometry.nearest_size(even, multiple, limits)
