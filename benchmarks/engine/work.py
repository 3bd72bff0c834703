"""How much arithmetic a clip takes, counted on tensors without memory; runs on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.engine.weights import FULL, Told, empty_part
from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.diffusers.reading.layout import load_layout
from ltxserve.engine.geometry import SIDE_STEP, latent_frames
from ltxserve.engine.plan import Plan
from ltxserve.engine.plan.memory import forward_passes
from ltxserve.types import Shape

TEXT_TOKENS: Mapping[str, int] = {"ltx2": 1024, "ltx-video": 256}
SUSTAINED: Mapping[str, float] = {"bf16": 800e12, "fp8": 1600e12}
"""What an H100 or H200 is taken to sustain, in operations a second."""
_SOUND_TOKENS = 25  # a second


def denoising_flops(plan: Plan, spec: ModelSpec, told: Told = FULL) -> dict[str, float]:
    """Floating-point operations of all steps of a plan: of linear layers, and of attention."""
    found = {"linear": 0.0, "attention": 0.0}
    for stage in plan.passes:
        each = stage.guidance
        guidance = (plan.guidance, plan.audio_guidance) if each is None else (each,)
        calls = stage.steps * forward_passes(*guidance)
        for kind, count in forward_flops(spec, stage.shape, told).items():
            found[kind] += calls * count
    return found


def floor_seconds(flops: Mapping[str, float], fp8: bool) -> float:
    """The least time that takes where nothing but arithmetic costs any; attention in bf16."""
    linear = flops["linear"] / SUSTAINED["fp8" if fp8 else "bf16"]
    return linear + flops["attention"] / SUSTAINED["bf16"]


def forward_flops(spec: ModelSpec, shape: Shape, told: Told = FULL) -> dict[str, float]:
    """Of one call of the transformer for a clip of this shape."""
    layout = load_layout(spec.layout)
    part = next(part for part in layout.parts if part.name == "transformer")
    model: Any = empty_part(part, layout, spec, told).to("meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(**inputs_for(model.config, spec.family, shape))
    counts = {str(kind): count for kind, count in counter.get_flop_counts()["Global"].items()}
    # Attention over tokens without memory is written out as products of batches of matrices.
    attention = sum(count for kind, count in counts.items() if "bmm" in kind or "scaled" in kind)
    return {"linear": float(sum(counts.values()) - attention), "attention": float(attention)}


def inputs_for(config: Any, family: str, shape: Shape) -> dict[str, Any]:
    """What a transformer is called with for a clip of this shape; tensors without memory."""
    frames = latent_frames(shape.num_frames)
    rows, columns = shape.height // SIDE_STEP, shape.width // SIDE_STEP
    tokens, text = frames * rows * columns, TEXT_TOKENS[family]
    common = {
        "hidden_states": _empty(1, tokens, config["in_channels"]),
        "encoder_hidden_states": _empty(1, text, config["caption_channels"]),
        "encoder_attention_mask": _empty(1, text),
        "num_frames": frames,
        "height": rows,
        "width": columns,
        "return_dict": False,
    }
    if family == "ltx-video":
        return {**common, "timestep": _empty(1), "video_coords": _empty(1, 3, tokens)}
    sound = round(shape.seconds * _SOUND_TOKENS)
    widths = (config["cross_attention_dim"], config["audio_cross_attention_dim"])
    if config["use_prompt_embeddings"]:  # both read the same text, before its own projection
        widths = (config["caption_channels"],) * 2
    return {
        **common,
        "encoder_hidden_states": _empty(1, text, widths[0]),
        "audio_encoder_hidden_states": _empty(1, text, widths[1]),
        "audio_encoder_attention_mask": _empty(1, text),
        "audio_hidden_states": _empty(1, sound, config["audio_in_channels"]),
        "timestep": _empty(1, tokens),
        "audio_timestep": _empty(1),
        "sigma": _empty(1),
        "audio_sigma": _empty(1),
        "audio_num_frames": sound,
        "fps": shape.fps,
    }


def _empty(*sides: int) -> Tensor:
    return torch.empty(sides, device="meta")
