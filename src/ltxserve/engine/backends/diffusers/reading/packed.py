"""A file whose tensors hold several of diffusers' at once, seen as if those lay apart.

Vendors store the projections of an attention as one matrix, and gates beside the layers they act
on; diffusers has three matrices, and layers that their gates went into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import Tensor

from ltxserve.engine.backends.diffusers.reading.tensors import Entry, TensorFile, corrupt


@dataclass(frozen=True)
class Packing:
    """How names stand for several tensors, or for one that is folded into others.

    split: a piece of a name -> what it becomes for each of the equal parts of its rows.
    fold: a piece of a layer's name -> the last word of the gate beside it that its rows are
    multiplied by; gates are no tensors of their own then.
    """

    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fold: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.split or self.fold)


@dataclass(frozen=True)
class _Row:
    """One of `count` equal parts of a stored tensor's rows, and the gate that acts on them."""

    stored: str
    number: int = 0
    count: int = 1
    gate: str | None = None


@dataclass(frozen=True)
class Unpacked(TensorFile):
    """Entries as diffusers wants them; `read` makes them of what is stored."""

    origin: TensorFile | None = None
    rows: Mapping[str, _Row] = field(default_factory=dict)

    @cached_property
    def _gates(self) -> Mapping[str, Tensor]:
        assert self.origin is not None
        names = {row.gate for row in self.rows.values() if row.gate is not None}
        return dict(self.origin.read(names))

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """These tensors. Raises ModelUnavailable `weights_corrupt`."""
        assert self.origin is not None
        wanted: dict[str, list[str]] = {}
        for name in names:
            wanted.setdefault(self.rows[name].stored, []).append(name)
        for stored, tensor in self.origin.read(wanted):
            for name in wanted[stored]:
                yield name, self._of(tensor, self.rows[name])

    def _of(self, tensor: Tensor, row: _Row) -> Tensor:
        if row.count > 1:
            each = tensor.shape[0] // row.count
            tensor = tensor[row.number * each : (row.number + 1) * each].clone()
        if row.gate is None:
            return tensor
        gate = self._gates[row.gate].float().reshape(-1, *[1] * (tensor.ndim - 1))
        return (tensor.float() * gate).to(tensor.dtype)


def unpacked(file: TensorFile, packing: Packing) -> TensorFile:
    """The file with its packed tensors apart. Raises ModelUnavailable `weights_corrupt`."""
    if not packing:
        return file
    entries: dict[str, Entry] = {}
    rows: dict[str, _Row] = {}
    gates = {f".{last}" for last in packing.fold.values()}
    for entry in file.entries.values():
        if any(entry.name.endswith(gate) for gate in gates):
            continue
        gate = _gate_of(entry.name, file, packing)
        piece = next((piece for piece in packing.split if piece in entry.name), None)
        parts = packing.split[piece] if piece is not None else ("",)
        if entry.shape and entry.shape[0] % len(parts):
            raise corrupt(file.path, f"{entry.name} cannot be cut into {len(parts)}")
        for number, part in enumerate(parts):
            name = entry.name if piece is None else entry.name.replace(piece, part)
            shape = entry.shape
            if len(parts) > 1:
                shape = (shape[0] // len(parts), *shape[1:])
            entries[name] = replace(entry, name=name, shape=shape)
            rows[name] = _Row(entry.name, number, len(parts), gate)
    return Unpacked(file.path, entries, file.metadata, file, rows)


def _gate_of(name: str, file: TensorFile, packing: Packing) -> str | None:
    for piece, last in packing.fold.items():
        before, found, _ = name.partition(piece)
        gate = f"{before}.{last}"
        if found and gate in file.entries:
            return gate
    return None
