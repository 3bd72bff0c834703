"""An adapter's file: every tensor of it belongs to a layer of the model, and fits; else refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ltxserve.engine.backends.diffusers.adapters.layers import Layers, Place
from ltxserve.engine.backends.diffusers.reading.tensors import (
    Entry,
    TensorFile,
    open_tensors,
)
from ltxserve.errors import ModelUnavailable

_ENDINGS = {
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora_down.weight": "down",
    ".lora_up.weight": "up",
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    ".alpha": "alpha",
}
"""How names end: what a tensor does in its layer."""
_METADATA = "lora_adapter_metadata"  # where diffusers and peft write rank and alpha
_NAMED = 3  # names in a message


@dataclass(frozen=True)
class Pair:
    """What an adapter adds to one layer: `up` of `down` of the input, scaled.

    down: (rank, in). up: (out, rank). alpha: its scale is this by the rank; None = 1.
    """

    down: Entry
    up: Entry
    alpha: Entry | None = None

    @property
    def rank(self) -> int:
        """The numbers in between."""
        return self.down.shape[0]


@dataclass(frozen=True)
class AdapterFile:
    """A checked file: what it adds, by layer. bytes: of its tensors."""

    file: TensorFile
    pairs: Mapping[Place, Pair]

    @property
    def bytes(self) -> int:
        """Of all its tensors."""
        entries = self.file.entries.values()
        return sum(entry.end - entry.start for entry in entries)


@dataclass(frozen=True, eq=False)
class Delta:
    """The numbers of a pair: down (rank, in), up (out, rank), and the scale it was trained at."""

    down: Tensor
    up: Tensor
    scale: float


@dataclass(frozen=True, eq=False)
class Adapter:
    """An adapter in main memory, by layer; as its file has the numbers. told: its metadata."""

    deltas: Mapping[Place, Delta]
    bytes: int
    told: Mapping[str, str] = field(default_factory=dict[str, str])


def open_adapter(path: Path, layers: Layers) -> AdapterFile:
    """A file's header, compared with the model's layers; its data is not touched.

    Raises ModelUnavailable: `weights_missing`, `weights_corrupt` for one that is cut short or no
    safetensors file, `lora_unsupported` for one of another kind, model or size.
    """
    try:
        file = open_tensors(path)
    except ModelUnavailable as error:
        raise ModelUnavailable(error.code, error.message, _AGAIN, "loras") from error
    found: dict[Place, dict[str, Entry]] = {}
    unknown: list[str] = []
    for entry in file.entries.values():
        end = next((end for end in _ENDINGS if entry.name.endswith(end)), None)
        if end is None:
            raise _unfit(
                path, f"has {entry.name}, which is no part of a LoRA that can be added unmerged"
            )
        place = layers.spellings.get(entry.name.removesuffix(end))
        if place is None:
            unknown.append(entry.name)
        elif found.setdefault(place, {}).setdefault(_ENDINGS[end], entry) is not entry:
            raise _unfit(path, f"has two tensors for the same place, such as {entry.name}")
    if unknown:
        raise _unfit(
            path,
            f"changes layers that {layers.model} has not: {_some(unknown)}"
            f" ({len(unknown)} of its {len(file.entries)} tensors)",
        )
    return AdapterFile(file, {p: _pair(path, p, e, layers) for p, e in found.items()})


def _pair(path: Path, place: Place, entries: Mapping[str, Entry], layers: Layers) -> Pair:
    down, up = entries.get("down"), entries.get("up")
    if down is None or up is None:
        there = next(iter(entries.values())).name
        raise _unfit(path, f"has one half only of what it adds: {there}")
    large, small = layers.shapes[place]
    rank = down.shape[0] if down.shape else 0
    if rank < 1 or (down.shape, up.shape) != ((rank, small), (large, rank)):
        raise _unfit(
            path,
            f"has {down.name} of shape {list(down.shape)} and {up.name} of shape {list(up.shape)},"
            f" but that layer of {layers.model} takes {small} numbers and makes {large}",
        )
    pair = Pair(down, up, entries.get("alpha"))
    if not (down.dtype.is_floating_point and up.dtype.is_floating_point):
        raise _unfit(path, f"has whole numbers in {down.name}")
    if pair.alpha is not None and math.prod(pair.alpha.shape) != 1:
        raise _unfit(path, f"has {pair.alpha.name} of shape {list(pair.alpha.shape)}")
    return pair


def read_adapter(checked: AdapterFile) -> Adapter:
    """The numbers of a file, read in the order they lie there.

    Raises ModelUnavailable: `weights_corrupt` where they end early, `lora_unsupported` for a scale
    that is no number.
    """
    path = checked.file.path
    try:
        tensors = dict(checked.file.read(checked.file.entries))
    except ModelUnavailable as error:
        raise ModelUnavailable(error.code, error.message, _AGAIN, "loras") from error
    except OSError as error:
        raise ModelUnavailable(
            "weights_corrupt", f"{path.name} cannot be read: {error.strerror}.", _AGAIN, "loras"
        ) from error
    told = _Told.of(checked.file)
    deltas: dict[Place, Delta] = {}
    for place, pair in checked.pairs.items():
        scale = told.scale(place, pair)
        if pair.alpha is not None:
            scale = float(tensors[pair.alpha.name]) / pair.rank
        if not math.isfinite(scale):
            raise _unfit(path, f"is scaled by {scale} in {place.name}")
        deltas[place] = Delta(tensors[pair.down.name], tensors[pair.up.name], scale)
    return Adapter(deltas, checked.bytes, checked.file.metadata)


@dataclass(frozen=True)
class _Told:
    """What a file's metadata says of scales; without any, adapters were trained at 1."""

    alpha: Any
    by_layer: Mapping[str, Any]
    is_rooted: bool

    @classmethod
    def of(cls, file: TensorFile) -> _Told:
        # "transformer.lora_alpha" where several parts are told of, else "lora_alpha".
        table = {key.rpartition(".")[2]: value for key, value in file.told(_METADATA).items()}
        by_layer = table.get("alpha_pattern")
        return cls(
            table.get("lora_alpha"),
            by_layer if isinstance(by_layer, dict) else {},
            bool(table.get("use_rslora")),
        )

    def scale(self, place: Place, pair: Pair) -> float:
        alpha = self.by_layer.get(place.name, self.alpha)
        if not isinstance(alpha, (int, float)):
            return 1.0
        return float(alpha) / (math.sqrt(pair.rank) if self.is_rooted else pair.rank)


_AGAIN = "Copy the adapter's file here again, or pull it: `ltxserve models pull NAME`."


def _unfit(path: Path, what: str) -> ModelUnavailable:
    return ModelUnavailable(
        "lora_unsupported",
        f"The adapter {path.name} {what}.",
        "Use an adapter that was made for this model, as a safetensors file with pairs of "
        "lora_A and lora_B (or lora_down and lora_up).",
        "loras",
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (" and more" if more > 0 else "")
