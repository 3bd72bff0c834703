"""Models with random weights, made where they run: nothing is read from a file, nothing is pulled.

Parts are those of a row's layout, at full size or as small as a replica's configuration says. The
text encoder is of full size too: Gemma 3 12B (which stands in for LTX-2.5's Gemma 4 12B, of the
same width and depth) or T5-XXL. Its tokenizer is the built-in model's.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn
from transformers import PreTrainedModel

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.engine.backends.base import Backend, Placement
from ltxserve.engine.backends.diffusers.load import tune
from ltxserve.engine.backends.diffusers.ltxv import LtxvBackend
from ltxserve.engine.backends.diffusers.reading.fp8 import Fp8Linear, choose_arithmetic
from ltxserve.engine.backends.diffusers.reading.layout import Layout, PartLayout, load_layout
from ltxserve.engine.backends.diffusers.reading.parts import scheduler_of
from ltxserve.engine.backends.diffusers.reading.told import arguments
from ltxserve.engine.backends.diffusers.run import DiffusersBackend
from ltxserve.engine.engine import Engine

FP8 = torch.float8_e4m3fn
GEMMA: Mapping[str, Any] = {
    "vocab_size": 262_208, "hidden_size": 3840, "intermediate_size": 15_360,
    "num_hidden_layers": 48, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
    "max_position_embeddings": 131_072, "sliding_window": 1024, "query_pre_attn_scalar": 256,
}  # fmt: skip
VISION: Mapping[str, Any] = {
    "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27,
    "num_attention_heads": 16, "image_size": 896, "patch_size": 14,
}  # fmt: skip
T5: Mapping[str, Any] = {
    "vocab_size": 32_128, "d_model": 4096, "d_kv": 64, "d_ff": 10_240, "num_layers": 24,
    "num_heads": 64, "feed_forward_proj": "gated-gelu",
}  # fmt: skip
_KEPT = re.compile(r"transformer_blocks\.\d+\..*(attn|ff)")
_ENDS = (1, 5)  # blocks that the vendor's scaled fp8 files keep in bf16: the first, the last ones
_TOKENS = 1024


@dataclass(frozen=True)
class Told:
    """What makes a model smaller than its layout: as a small file's metadata and names would.

    config, shapes: as `told.arguments` takes them. text: arguments of the text encoder's
    configuration (and vision, for Gemma). upscalers: those that it has, by part; of a full model,
    all that its layout has. Nothing = full size.
    """

    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    text: Mapping[str, Any] = field(default_factory=dict[str, Any])
    vision: Mapping[str, Any] = field(default_factory=dict[str, Any])
    upscalers: Mapping[str, Told] = field(default_factory=dict[str, "Told"])


FULL = Told()


def engine_of(spec: ModelSpec, placement: Placement, device: torch.device, told: Told) -> Engine:
    """An engine on which this row has random weights, in the arithmetic that its rows run in."""

    def create(row: ModelSpec, where: Placement) -> Backend:
        with torch.inference_mode(False):
            parts = random_parts(row, device, told)
            tune(parts["transformer"], where, device, torch.bfloat16)
            family = LtxvBackend if row.family == "ltx-video" else DiffusersBackend
            return family(row, parts, device)

    catalog = load_catalog()
    models = MappingProxyType({**catalog.models, spec.name: spec})
    return Engine(placement, dataclasses.replace(catalog, models=models), create)


def random_parts(spec: ModelSpec, device: torch.device, told: Told = FULL) -> dict[str, Any]:
    """All that a row's pipeline is made of, by diffusers' names, upscalers too."""
    torch.manual_seed(0)
    layout = load_layout(spec.layout)
    # As one that was read: in main memory, until a prompt needs it. First, while there is room.
    text = fill(_empty_text(spec, told), device).to("cpu")
    parts: dict[str, Any] = {"text_encoder": text}
    for part in layout.parts:
        made = empty_part(part, layout, spec, told)
        if part.name == "transformer" and spec.precision == "fp8":
            _keep_in_fp8(made, scaled=spec.family != "ltx-video")
        fill(made, device, getattr(torch, part.dtype) if part.dtype else torch.bfloat16)
        choose_arithmetic(made, device)
        parts[part.name] = made
    for part in layout.extras:
        own = FULL if told == FULL else told.upscalers.get(part.name)
        if part.name.endswith("upsampler") and own is not None:
            parts[part.name] = fill(empty_part(part, layout, spec, own), device)
    parts["tokenizer"] = _tokenizer()
    parts["scheduler"] = scheduler_of(spec)
    return parts


def empty_part(part: PartLayout, layout: Layout, spec: ModelSpec, told: Told) -> nn.Module:
    """A part without weights; buffers that it computes itself have their numbers."""
    module, _, name = part.kind.partition(":")
    stg = part.name == "transformer" and layout.pipeline == "ltx2" and spec.supports.stg
    given = arguments(part, told.config, told.shapes) | ({"perturbed_attn": True} if stg else {})
    with init_empty_weights():
        return getattr(importlib.import_module(module), name).from_config(given)


def fill(model: nn.Module, device: torch.device, dtype: torch.dtype = torch.bfloat16) -> nn.Module:
    """Random weights of sensible size on the device: what comes in goes out about as large."""
    for module in model.modules():
        for name, empty in module.named_parameters(recurse=False):
            kind = empty.dtype if empty.dtype == FP8 else dtype
            made = _random(name, empty.shape, device, kind)
            setattr(module, name, nn.Parameter(made, requires_grad=False))
    model.to(device)  # buffers
    if isinstance(model, PreTrainedModel):
        model.tie_weights()
    return model.requires_grad_(False).eval()


def _random(name: str, shape: torch.Size, device: torch.device, dtype: torch.dtype) -> Tensor:
    if len(shape) < 2 or name.endswith("bias"):
        whole = torch.zeros if name.endswith("bias") else torch.ones
        return whole(shape, device=device, dtype=dtype)
    spread = 1.0 if dtype == FP8 else shape[1:].numel() ** -0.5
    large = torch.bfloat16 if dtype == FP8 else dtype
    return torch.empty(shape, device=device, dtype=large).normal_(0, spread).to(dtype)


def _keep_in_fp8(model: nn.Module, scaled: bool) -> None:
    """Linear layers of blocks become fp8 ones, as those of the vendor's files."""
    count = len(model.get_submodule("transformer_blocks"))  # pyright: ignore[reportArgumentType]
    first, last = _ENDS if scaled and count > sum(_ENDS) else (0, 0)
    for name, module in list(model.named_modules()):
        if not isinstance(module, nn.Linear) or not _KEPT.match(name):
            continue
        if not first <= int(name.split(".")[1]) < count - last:
            continue
        made = Fp8Linear.of(module, FP8)
        made.weight_scale = torch.tensor(module.in_features**-0.5)
        made.input_scale = torch.tensor(0.02 if scaled else 0.0)
        parent, _, own = name.rpartition(".")
        setattr(model.get_submodule(parent), own, made)


def _empty_text(spec: ModelSpec, told: Told) -> nn.Module:
    import transformers

    with init_empty_weights():
        if spec.family == "ltx-video":
            config: Any = transformers.T5Config(**{**T5, **told.text})
            return transformers.T5EncoderModel(config)
        config = transformers.Gemma3Config(
            text_config={**GEMMA, **told.text}, vision_config={**VISION, **told.vision}
        )
        return transformers.Gemma3ForConditionalGeneration(config)


def _tokenizer() -> Any:
    from transformers import PreTrainedTokenizerFast

    folder = resources.files("ltxserve.catalog").joinpath("tiny").joinpath("tokenizer")
    made = PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
    made.model_max_length = _TOKENS
    return made
