"""Reads tensors of safetensors files in the order they lie there; knows no model and no layout.

Not memory-mapped: on network volumes each page fault costs a round trip, plain reading runs at the
volume's speed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ltxserve.catalog.weights.check import read_header
from ltxserve.engine.backends.diffusers.reading.fp4 import NVFP4
from ltxserve.engine.backends.diffusers.reading.int8 import INT8
from ltxserve.errors import ModelUnavailable

TYPES: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""The format's names of number types."""
FP8 = (torch.float8_e4m3fn, torch.float8_e5m2)


@dataclass(frozen=True)
class Entry:
    """A tensor of a file: type, shape, and the bytes from `start` to `end` of the file.

    packed: how its numbers share bytes, "" = each has its own. Packed ones are read as bytes, one
    row for each of theirs; `shape` is that of the numbers.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    end: int
    packed: str = ""


@dataclass(frozen=True)
class TensorFile:
    """A safetensors file and what its header says."""

    path: Path
    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The vendor's configuration in the metadata, and under `gemma` its text encoder's."""
        gemma = self.told("gemma_config")
        return {**self.told("config"), **({"gemma": gemma} if gemma else {})}

    @cached_property
    def notes(self) -> Mapping[str, Any]:
        """What ComfyUI's metadata says of layers, by their names in the file."""
        layers = self.told("_quantization_metadata").get("layers")
        return layers if isinstance(layers, dict) else {}

    def told(self, key: str) -> dict[str, Any]:
        """A JSON object in the metadata; empty where there is none. Raises `weights_corrupt`."""
        try:
            value = json.loads(self.metadata.get(key, "{}"))
        except ValueError:
            raise corrupt(self.path, f"its {key} is no JSON") from None
        return value if isinstance(value, dict) else {}

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """These tensors, in the order of the file. Raises ModelUnavailable `weights_corrupt`."""
        wanted = sorted((self.entries[name] for name in names), key=lambda entry: entry.start)
        with self.path.open("rb", buffering=0) as file:
            _will_read_on(file)
            for entry in wanted:
                yield entry.name, self._read(file, entry)

    def _read(self, file: BinaryIO, entry: Entry) -> Tensor:
        data = torch.empty(entry.end - entry.start, dtype=torch.uint8)
        room = memoryview(data.numpy())
        file.seek(entry.start)
        while room:
            count = file.readinto(room)
            if not count:
                raise corrupt(self.path, f"it ends within {entry.name}")
            room = room[count:]
        if entry.packed:
            return data.reshape(entry.shape[0], -1)
        return data.view(entry.dtype).reshape(entry.shape)


def open_tensors(path: Path) -> TensorFile:
    """A file's header; its data is not touched.

    Raises ModelUnavailable: `weights_missing`, `weights_corrupt` for one that is cut short, no
    safetensors file, or has numbers of an unknown type.
    """
    try:
        header = read_header(path)
        length = path.stat().st_size - _data_bytes(header)
    except OSError as error:
        raise ModelUnavailable(
            "weights_missing", f"{path} cannot be read: {error.strerror}.", _AGAIN, "model"
        ) from error
    except ValueError as error:
        raise corrupt(path, str(error)) from None
    metadata = header.pop("__metadata__", {})
    entries = {name: _entry(path, name, told, length) for name, told in header.items()}
    small = {**_in_fp4(path, entries), **_in_int8(entries)}
    return TensorFile(path, {**entries, **small}, metadata)


_AGAIN = "Run `ltxserve models verify` for the model, and pull it again."


def corrupt(path: Path, why: str) -> ModelUnavailable:
    """The error of a file that cannot be used."""
    return ModelUnavailable("weights_corrupt", f"{path.name} cannot be loaded: {why}.", _AGAIN)


def _data_bytes(header: Mapping[str, Any]) -> int:
    tensors = [told for name, told in header.items() if name != "__metadata__"]
    return max((told["data_offsets"][1] for told in tensors), default=0)


def _entry(path: Path, name: str, told: Mapping[str, Any], offset: int) -> Entry:
    dtype = TYPES.get(told.get("dtype", ""))
    if dtype is None:
        raise corrupt(path, f"{name} has numbers of the unknown type {told.get('dtype')}")
    shape = tuple(int(n) for n in told["shape"])
    start, end = (int(place) + offset for place in told["data_offsets"])
    if end - start != dtype.itemsize * torch.Size(shape).numel():
        raise corrupt(path, f"{name} has {end - start} bytes, which is not its shape")
    return Entry(name, dtype, shape, start, end)


def _in_fp4(path: Path, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The weights of a file that are nvfp4: bytes with scales of blocks, and one of all."""
    found: dict[str, Entry] = {}
    for name, entry in entries.items():
        blocks, all_ = (entries.get(f"{name}_{word}") for word in ("scale", "scale_2"))
        if not name.endswith(".weight") or entry.dtype != torch.uint8 or blocks is None:
            continue
        if all_ is None or blocks.dtype != torch.float8_e4m3fn or len(entry.shape) != 2:
            raise corrupt(path, f"{name} has bytes with scales that are not nvfp4's")
        rows, columns = entry.shape
        found[name] = replace(entry, shape=(rows, columns * 2), packed=NVFP4)
    return found


def _in_int8(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The weights of a file that are int8 with scales; without any, they are no weights."""
    return {
        name: replace(entry, packed=INT8)
        for name, entry in entries.items()
        if name.endswith(".weight")
        and (entry.dtype, len(entry.shape)) == (torch.int8, 2)
        and f"{name}_scale" in entries
    }


def _will_read_on(file: BinaryIO) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
