"""What a stitch is to the service: read and judged when it is submitted, joined when its job runs.

Pure functions over files that the caller has fetched: knows no database, no credits, no store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ltxserve.errors import Cancelled, LtxserveError, Problem, RequestRefused, StorageError
from ltxserve.media.stitch.judge import judge
from ltxserve.media.stitch.nouns import Stitch
from ltxserve.media.stitch.parse import parse_stitch
from ltxserve.media.stitch.plan import StitchPlan
from ltxserve.media.stitch.run import STAGE, Stitched, Writing, look_and_plan, write_plan
from ltxserve.progress import NullObserver, Observer
from ltxserve.service.pictures import write_pictures

KIND = "stitch"
"""The kind of job that a stitch is."""
Fetch = Callable[[str], Path]
"""A clip's source (the id of a job or an upload, a URL, a data URI) to a checked local file."""


@dataclass(frozen=True)
class Joined:
    """What a stitch's job made.

    files: artifact name -> file and its media type: video, thumbnail, preview. result: what a
    job's `result` says besides its artifacts. plan: what was done, as plain data.
    """

    files: Mapping[str, tuple[Path, str]]
    result: Mapping[str, Any]
    plan: Mapping[str, Any]
    warnings: tuple[str, ...] = field(default=())


def read(request: Mapping[str, Any]) -> Stitch:
    """A stitch from plain data, judged as far as that goes without its clips.

    Raises RequestRefused with every problem found.
    """
    stitch = parse_stitch(request)
    problems = judge(stitch)
    if problems:
        raise RequestRefused(problems)
    return stitch


def fetch_clips(stitch: Stitch, fetch: Fetch) -> list[Path]:
    """Every clip's file, each source fetched once.

    Raises RequestRefused with a problem for every clip that cannot be had; StorageError and
    Cancelled, which say nothing of a clip, as they come.
    """
    found: dict[str, Path | LtxserveError] = {}
    for source in dict.fromkeys(clip.source for clip in stitch.clips):
        try:
            found[source] = fetch(source)
        except (Cancelled, StorageError):
            raise
        except LtxserveError as error:
            found[source] = error
    files: list[Path] = []
    problems: list[Problem] = []
    for index, clip in enumerate(stitch.clips):
        had = found[clip.source]
        if isinstance(had, Path):
            files.append(had)
        else:
            problems.append(Problem(had.code, had.message, had.hint, f"clips.{index}.source"))
    if problems:
        raise RequestRefused(problems)
    return files


def join(
    stitch: Stitch, clips: Sequence[Path], folder: Path, observer: Observer | None = None
) -> Joined:
    """Join fetched clips, one file per clip in order, into files in `folder`, to be copied away.

    The observer hears of every frame and may raise Cancelled. Raises RequestRefused for what
    these clips cannot be joined to, MediaError for files.
    """
    plan = look_and_plan(stitch, clips)
    path = folder / f"video.{stitch.output.format}"
    to = Writing(path, observer=observer or NullObserver(), durable=False)
    made = write_plan(plan, to)
    files = {
        "video": (path, made.file.media_type),
        **write_pictures(path, made.plan.num_frames, folder),
    }
    return Joined(files, result_of(made), plan_view(made.plan), made.warnings)


def result_of(made: Stitched) -> dict[str, Any]:
    """What a job's result says of a finished stitch, besides its artifacts."""
    return {**made.file.extent, "copied": made.copied, "loudness": made.loudness}


def plan_view(plan: StitchPlan) -> dict[str, Any]:
    """A plan as plain data, in the form of a generation's: what is delivered, and the stages."""
    extent = {
        "width": plan.width,
        "height": plan.height,
        "num_frames": plan.num_frames,
        "fps": float(plan.fps),
    }
    return {
        "deliver": extent,
        "fit": plan.fit,
        "stages": [{"kind": STAGE, "steps": plan.num_frames, "shape": extent}],
        "sample_rate": plan.sample_rate,
        "clips": [
            {
                "first_frame": part.first,
                "stop_frame": part.stop,
                "starts_at_frame": start,
                "num_frames": part.num_frames,
                "speed": float(part.speed),
                "volume": part.volume,
            }
            for part, start in zip(plan.parts, plan.starts, strict=True)
        ],
        "transitions": [joint.transition.model_dump() for joint in plan.joints],
    }
