"""What every dialect says about a job, read once: shares, times, sizes; knows no dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ltxserve.service.inputs import KEPT

if TYPE_CHECKING:
    from ltxserve.jobs.rows import Job

_DATA_URI = re.compile(r"(data:[^,]{0,100}),.*", re.DOTALL)
_KEPT = re.compile(rf"{KEPT}[^/]+/(?:uploads/)?([0-9a-f-]{{36}})[./].*")
_SHORT = 120


@dataclass(frozen=True)
class Extent:
    """The clip that is delivered, or will be: pixels, frames, frames per second, seconds."""

    width: int
    height: int
    num_frames: int
    fps: float
    seconds: float

    @property
    def size(self) -> str:
        """As "768x512"."""
        return f"{self.width}x{self.height}"


def extent_of(job: Job) -> Extent | None:
    """A job's clip, as it came out or else as it is planned; None where there is no plan."""
    made: Mapping[str, Any] = job.result or {}
    if "width" in made:
        names = ("width", "height", "num_frames", "fps", "seconds")
        return Extent(*(made[name] for name in names))
    planned = (job.plan or {}).get("deliver")
    if not planned:
        return None
    frames, fps = planned["num_frames"], planned["fps"]
    return Extent(planned["width"], planned["height"], frames, fps, frames / fps)


def percent_of(job: Job) -> int:
    """How much of a job is done, 0 to 100; 100 only when it succeeded."""
    if job.state == "succeeded":
        return 100
    return max(0, min(99, int((job.progress or {}).get("percent") or 0)))


def eta_of(job: Job) -> float | None:
    """Seconds until a running job is done, as far as that is known."""
    eta = (job.progress or {}).get("eta_seconds")
    return None if eta is None else max(0.0, float(eta))


def is_over(job: Job) -> bool:
    """Whether nothing will change any more."""
    return str(job.state) in {"succeeded", "failed", "cancelled"}


def model_of(job: Job) -> str:
    """The catalog's name of a job's model."""
    return str((job.plan or {}).get("model") or job.request.get("model") or "")


def prompt_of(job: Job) -> str:
    """The prompt as the caller wrote it."""
    return str(job.request.get("prompt") or "")


def seed_of(job: Job) -> int | None:
    """The seed that was used, or that will be; None while nobody has drawn it."""
    return job.seed if job.seed is not None else (job.plan or {}).get("seed")


def iso(seconds: float | None) -> str | None:
    """A time in UTC as RFC 3339 writes it: 2026-01-31T12:00:00.123Z."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(seconds: float | None) -> int | None:
    """A time in whole seconds, as Unix timestamps are."""
    return None if seconds is None else int(seconds)


def shown(value: Any) -> Any:
    """The same data as its owner may see and send again.

    Keys of the store become ids of uploads and jobs, and the content of data URIs is left out.
    """
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if not isinstance(value, str):
        return value
    kept = _KEPT.fullmatch(value)
    if kept:
        return kept[1]
    return _DATA_URI.sub(r"\1,(left out)", value) if len(value) > _SHORT else value


def file_name_of(job: Job, suffix: str) -> str:
    """What a download is called: the caller's name, or one made of the prompt's words."""
    own = str((job.request.get("output") or {}).get("file_name") or "")
    words = own.rpartition(".")[0] if own.lower().endswith(suffix) and suffix else own
    words = words or re.sub(r"[^a-z0-9]+", "-", prompt_of(job).lower())[:48].strip("-") or "clip"
    return words + suffix
