"""The adapters of one loaded model: found, checked, read once, kept for the next run in a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import torch

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.adapters import AdapterFinder
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.adapters.file import (
    Adapter,
    AdapterFile,
    open_adapter,
    read_adapter,
)
from ltxserve.engine.backends.diffusers.adapters.layers import Layers, live_shapes
from ltxserve.engine.backends.diffusers.adapters.worn import Use, wearing
from ltxserve.engine.backends.diffusers.failures import Watched, device_errors
from ltxserve.engine.loras import PlannedLora
from ltxserve.errors import ModelUnavailable
from ltxserve.progress import NullObserver

Find = Callable[[PlannedLora], Path]
"""Where an adapter's file lies. Raises ModelUnavailable `weights_missing`."""
_SHARE = 8  # at most so much of the machine's memory is kept between runs: an eighth


@dataclass(frozen=True)
class _Key:
    """A file as it was when it was read."""

    path: Path
    changed: int
    size: int


class Rack:
    """Adapters in main memory, the last used ones last.

    parts: of the model, by name. find: of catalog rows and paths; None = in the usual places.
    room: bytes that are kept between runs; while a run goes on, all that it wears is there.
    """

    def __init__(
        self,
        spec: ModelSpec,
        parts: Mapping[str, Any],
        find: Find | None = None,
        room: int | None = None,
    ) -> None:
        self._spec = spec
        self._parts = dict(parts)
        self._find = find or AdapterFinder(Placement())
        self._room = psutil.virtual_memory().total // _SHARE if room is None else room
        self._kept: dict[_Key, Adapter] = {}

    def take(self, loras: Sequence[PlannedLora]) -> tuple[Use, ...]:
        """A plan's adapters, checked first and then read; those that are kept are not read again.

        Raises ModelUnavailable: `weights_missing`, `weights_corrupt`, `lora_unsupported`;
        OutOfMemory.
        """
        if not loras:
            return ()
        keys = [_key(self._find(lora)) for lora in loras]
        checked = {
            key: open_adapter(key.path, self._layers) for key in keys if key not in self._kept
        }
        # They outlive the run that reads them.
        with torch.inference_mode(False), device_errors(Watched(NullObserver())):
            taken = {key: self._taken(key, checked) for key in keys}
        self._trim()
        return tuple(Use(taken[key], lora.strength) for key, lora in zip(keys, loras, strict=True))

    @contextmanager
    def wearing(self, uses: Sequence[Use], device: torch.device) -> Iterator[None]:
        """Inside, the model acts with these adapters; outside, as if there were none."""
        with wearing(self._parts, uses, device):
            yield

    def clear(self) -> None:
        """Let everything go."""
        self._kept.clear()
        self._parts.clear()

    def __len__(self) -> int:
        return len(self._kept)

    @cached_property
    def _layers(self) -> Layers:
        return Layers.of(self._spec, live_shapes(self._parts))

    def _taken(self, key: _Key, checked: Mapping[_Key, AdapterFile]) -> Adapter:
        adapter = self._kept.pop(key, None) or read_adapter(checked[key])
        self._kept[key] = adapter
        return adapter

    def _trim(self) -> None:
        while self._kept and sum(a.bytes for a in self._kept.values()) > self._room:
            del self._kept[next(iter(self._kept))]


def _key(path: Path) -> _Key:
    try:
        found = path.stat()
    except OSError as error:
        raise ModelUnavailable(
            "weights_missing",
            f"The adapter {path.name} cannot be read: {error.strerror}.",
            "Check the path.",
            "loras",
        ) from error
    return _Key(path.resolve(), found.st_mtime_ns, found.st_size)
