"""What the service says, as typed values; new fields of newer services are kept in `data`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ltxserve.client.failures import error_of, unreadable_answer
from ltxserve.errors import Cancelled, LtxserveError

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
OVER = frozenset({"succeeded", "failed", "cancelled"})

Json = dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """How far a job is; None where that is not known (yet). percent: 0 to 100."""

    stage: str | None = None
    step: int | None = None
    of: int | None = None
    percent: float | None = None
    eta_seconds: float | None = None
    queue_position: int | None = None


@dataclass(frozen=True)
class File:
    """One file that a job made: its address relative to the server, and what it holds."""

    name: str
    url: str
    media_type: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Job:
    """A job as it was when the service was asked; `data` is all that the service said."""

    id: str
    kind: str
    state: State
    progress: Progress
    files: Mapping[str, File]
    credits: int | None
    seed: int | None
    width: int | None
    height: int | None
    num_frames: int | None
    fps: float | None
    seconds: float | None
    prompt: str | None
    error: LtxserveError | None
    warnings: tuple[str, ...]
    children: tuple[Job, ...]
    created_at: datetime | None
    finished_at: datetime | None
    data: Mapping[str, Any] = field(repr=False, default_factory=dict[str, Any])

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in OVER

    def checked(self) -> Job:
        """The job itself, if it did not fail. Raises its error if it did, Cancelled likewise."""
        if self.state == "failed":
            raise self.error or LtxserveError("generation_failed", "The job failed.")
        if self.state == "cancelled":
            raise Cancelled("cancelled", "The job was cancelled.")
        return self

    def family(self) -> Iterator[Job]:
        """The jobs that make clips: a batch's children, or the job itself."""
        yield from self.children or (self,)


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job; `seq` rises by one with each."""

    seq: int
    kind: str
    job_id: str
    data: Mapping[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.kind in OVER


@dataclass(frozen=True)
class Page:
    """Some jobs of a list, and the cursor that the next page is asked with, None at the end."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Quote:
    """What a request would cost, in credits, and how it would run."""

    credits: int
    balance: int | None
    affordable: bool
    plan: Mapping[str, Any]
    data: Mapping[str, Any] = field(repr=False, default_factory=dict[str, Any])


@dataclass(frozen=True)
class Upload:
    """A file that the service keeps for requests; `id` is used where a source is asked for."""

    id: str
    media_type: str
    bytes: int
    data: Mapping[str, Any] = field(repr=False, default_factory=dict[str, Any])


def job(data: Json) -> Job:
    """A job from the service's JSON. Raises ServiceUnavailable if it is none."""
    try:
        told = data.get("progress") or {}
        return Job(
            id=str(data["id"]),
            kind=str(data.get("object") or "generation"),
            state=data["state"],
            progress=Progress(**{name: told.get(name) for name in Progress.__annotations__}),
            files={name: _file(name, item) for name, item in (data.get("artifacts") or {}).items()},
            credits=(data.get("price") or {}).get("credits"),
            seed=data.get("seed"),
            width=data.get("width"),
            height=data.get("height"),
            num_frames=data.get("num_frames"),
            fps=data.get("fps"),
            seconds=data.get("seconds"),
            prompt=data.get("prompt"),
            error=error_of(data["error"]) if data.get("error") else None,
            warnings=tuple(data.get("warnings") or ()),
            children=tuple(job(child) for child in data.get("children") or ()),
            created_at=_moment(data.get("created_at")),
            finished_at=_moment(data.get("finished_at")),
            data=data,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable_answer("a job") from error


def page(data: Json) -> Page:
    """A page of jobs from the service's JSON."""
    if not isinstance(data.get("data"), list):
        raise unreadable_answer("a list of jobs")
    return Page(tuple(job(item) for item in data["data"]), data.get("next_cursor"))


def quote(data: Json) -> Quote:
    """A quote from the service's JSON."""
    try:
        return Quote(
            credits=int(data["credits"]),
            balance=data.get("balance"),
            affordable=bool(data.get("affordable", True)),
            plan=data.get("plan") or {},
            data=data,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable_answer("a quote") from error


def upload(data: Json) -> Upload:
    """An upload from the service's JSON."""
    try:
        return Upload(str(data["id"]), str(data["media_type"]), int(data["bytes"]), data)
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable_answer("an upload") from error


def event(data: Json) -> JobEvent:
    """An event from the JSON in its data line."""
    try:
        return JobEvent(int(data["seq"]), data["kind"], data["job_id"], data.get("data") or {})
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable_answer("an event") from error


def _file(name: str, data: Json) -> File:
    return File(name, data["url"], data["media_type"], int(data["bytes"]), data.get("sha256") or "")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
