"""Where a request names sources and adapters; how they are settled: service/inputs.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ltxserve.engine.loras import is_path
from ltxserve.errors import Problem
from ltxserve.jobs.rows import Json

if TYPE_CHECKING:
    from ltxserve.accounts.accounts import Account

KEPT = "store:"
"""What a settled source begins with; a key of the store follows. Only workers open it."""


class Sources(Protocol):
    """Turns what a caller names into what workers may read."""

    def settle(self, account: Account, request: Json) -> Json:
        """The request with every source checked and readable by workers.

        Raises RequestRefused, MediaError and whatever says why a source is refused.
        """
        ...

    def digests(self, account: Account, request: Json) -> dict[str, str]:
        """SHA-256 of the uploads that the request names, by how it names them."""
        ...


SEEN = ("image", "video")
FAMILIES: dict[str, tuple[str, ...]] = {
    "video_to_video": ("video",),
    "retake": ("video",),
    "extend": ("video",),
    "sound": ("audio", "video"),
}
"""Field of a request -> families of files that its source may be of; of every other, SEEN."""


def sources_of(request: Json) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a request that has a source, with its dotted path; odd shapes are skipped.

    Whatever field it is in: a new way to name a source must not lead past the checks.
    """
    for field, value in request.items():
        listed = isinstance(value, (list, tuple))
        for number, part in enumerate(value if listed else (value,)):
            if isinstance(part, dict) and isinstance(part.get("source"), str):
                yield f"{field}.{number}.source" if listed else f"{field}.source", part


def families_of(name: str) -> tuple[str, ...]:
    """What the source of a dotted path may be."""
    return FAMILIES.get(name.partition(".")[0], SEEN)


def lora_paths(request: Json) -> list[Problem]:
    """Adapters named by a path: only the catalog's are used over the wire."""
    uses = request.get("loras")
    return [
        Problem(
            "unknown_lora",
            "Adapters are named by the catalog here, not by a path.",
            "Use a name that `ltxserve models adapters` lists.",
            f"loras.{number}.name_or_path",
        )
        for number, use in enumerate(uses if isinstance(uses, (list, tuple)) else ())
        if isinstance(use, dict) and is_path(str(use.get("name_or_path", "")))
    ]
