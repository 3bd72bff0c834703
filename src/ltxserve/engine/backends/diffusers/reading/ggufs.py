"""GGUF files: where their tensors lie, and linear layers whose weights stay as they are in them.

The header is read by `gguf`, the numbers are made large by diffusers' functions; both are imported
with this module, which is why it is imported late.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers.quantizers.gguf.utils import dequantize_functions
from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
    GGUFReader,
    GGUFValueType,
    ReaderTensor,
)
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.small import SmallLinear, in_parts
from ltxserve.engine.backends.diffusers.reading.tensors import Entry, TensorFile, corrupt
from ltxserve.errors import ModelUnavailable

_PLAIN = {
    GGMLQuantizationType.F64: torch.float64,
    GGMLQuantizationType.F32: torch.float32,
    GGMLQuantizationType.F16: torch.float16,
    GGMLQuantizationType.BF16: torch.bfloat16,
}
"""Types whose numbers have bytes of their own."""
READ = frozenset(kind.name for kind in dequantize_functions if kind not in _PLAIN)
"""Names of the others that can be read."""


def open_gguf(path: Path) -> TensorFile:
    """A file's header; its data is not touched.

    Raises ModelUnavailable: `weights_missing`, `weights_corrupt` for one that is cut short, no
    GGUF, or has numbers of a kind that cannot be read.
    """
    try:
        reader = GGUFReader(path)
    except OSError as error:
        again = "Run `ltxserve models verify` for the model, and pull it again."
        told = f"{path} cannot be read: {error.strerror or error}."
        raise ModelUnavailable("weights_missing", told, again, "model") from error
    except (ValueError, IndexError, KeyError, OverflowError) as error:  # as its parser meets them
        raise corrupt(path, f"it is cut short or no GGUF ({error})") from None
    entries = {tensor.name: _entry(path, tensor) for tensor in reader.tensors}
    size = path.stat().st_size
    beyond = next((entry for entry in entries.values() if entry.end > size), None)
    if beyond is not None:
        raise corrupt(path, f"it is cut short: {beyond.name} ends beyond it")
    return TensorFile(path, entries, _told(reader))


def _told(reader: GGUFReader) -> dict[str, str]:
    """The texts of its header; some files have the vendor's `config` among them."""
    fields = reader.fields.values()
    texts = [field for field in fields if field.types == [GGUFValueType.STRING]]
    return {field.name: str(field.contents()) for field in texts}


def _entry(path: Path, tensor: ReaderTensor) -> Entry:
    kind = tensor.tensor_type
    shape = tuple(int(n) for n in reversed(tensor.shape.tolist()))
    start = int(tensor.data_offset)
    end = start + int(tensor.n_bytes)
    if kind in _PLAIN:
        return Entry(tensor.name, _PLAIN[kind], shape, start, end)
    if kind.name not in READ or len(shape) != 2:
        raise corrupt(path, f"{tensor.name} is {kind.name} of {len(shape)} dimensions")
    return Entry(tensor.name, torch.uint8, shape, start, end, kind.name)


def large(packed: Tensor, kind: str, dtype: torch.dtype) -> Tensor:
    """Weights (out, in) as they are meant. packed: their bytes, a row for each output."""
    quantized = GGMLQuantizationType[kind]
    count, size = GGML_QUANT_SIZES[quantized]
    shape = len(packed), packed.shape[1] // size * count
    read = dequantize_functions[quantized]

    def some(rows: slice) -> Tensor:
        numbers: Tensor = read(packed[rows].reshape(-1, size), count, size, dtype=torch.float32)
        return numbers.reshape(-1, shape[1])

    return in_parts(torch.empty(shape, dtype=dtype, device=packed.device), some)


class GgufLinear(SmallLinear):
    """A linear layer whose weights stay as a GGUF file has them.

    weight: bytes, (out, bytes of a row). kind: how numbers share them, as GGUF calls it.
    """

    kind: str

    @classmethod
    def of(cls, linear: nn.Linear, kind: str) -> GgufLinear:
        """An empty layer in place of another one of the same size."""
        count, size = GGML_QUANT_SIZES[GGMLQuantizationType[kind]]
        made = cls.holding(linear, linear.in_features // count * size, torch.uint8)
        made.kind = kind
        return made

    def take_scales(self, found: Mapping[str, Tensor], device: torch.device) -> None:
        """Nothing to take: scales lie among the numbers. Raises ValueError for others."""
        if found:
            raise ValueError(f"{', '.join(found)} beside {self.kind}")

    def large_weight(self, dtype: torch.dtype) -> Tensor:
        """The weights as they are meant, (out, in)."""
        return large(self.weight, self.kind, dtype)
