"""Estimates memory and time of a plan from row sizes and geometry; measures nothing.

weights     bytes of the row's files and text encoder as stored; where a size was not
            published, 16 * blocks * (width^2 + audio_width^2) parameters (self-attention 4,
            cross-attention 4, feed-forward 8 squares of the width)
latents     tokens of the largest stage * latent channels * 4 bytes * 4 (latent, noise,
            prediction, condition)
denoise     of the pass that needs most: tokens * (width + audio_width) * bytes * what one call
            of the transformer keeps alive (`HELD`) * prompts that one call reads; a latent
            upscaler needs less
decode      pixels of one decoder tile (at most 512 x 512 x 121, with low_vram x 57) * what
            decoding keeps alive (`HELD`) * bytes; where a device has room for more, whole frames
            are decoded (`whole_decode_bytes`); a diffusion decoder takes 6 times as much (256
            channels of a token of 16 pixels, some ten of them)
frames      pixels of the clip * 6 * bytes (the decoder's tiles, and what they are joined to)
adapters    bytes of the rows of those that are worn; of one by path, nothing is known here
runtime     Python, torch and the device's context: 0.75 GiB
peak        runtime + latents + weights + adapters + the larger of denoise and decode + frames;
            with low_vram the weights count one component at a time
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ltxserve.catalog import ModelSpec
from ltxserve.catalog.spec import Architecture
from ltxserve.engine.geometry import latent_tokens
from ltxserve.engine.plan.nouns import Guidance, MemoryEstimate, Stage
from ltxserve.types import Shape

RUNTIME = 768 * 2**20


@dataclass(frozen=True)
class Held:
    """What is alive at once, counted on tensors without memory at full size (benchmarks/engine).

    denoise: widths of a token, in one call of the transformer. decode: values of a pixel, besides
    the picture itself. prompts: that one guided call reads; diffusers' LTX-2 pipelines put both
    into one, LTX-Video is called for one after the other (backends/diffusers/guided.py).
    """

    denoise: float
    decode: float
    prompts: int = 2


HELD = {
    "ltx-video": Held(16.1, 47.1, prompts=1),
    "ltx-2.0": Held(27.5, 39.6),
    "ltx-2.3": Held(31.5, 33.3),
    "ltx-2.5": Held(31.5, 33.3),
    "ltx-2.5-diffusion": Held(31.5, 33.3),  # in DECODERS' times
    "tiny": Held(24.0, 5.2),
}
_MOST = Held(31.5, 47.1)
_PICTURE = 6  # values of a pixel: three of tiles, three of what they are joined to
_TILE, _SMALL_TILE = (512, 512, 121), (512, 512, 57)
_LATENT = ("denoise", "upscale_spatial", "upscale_temporal", "decode_video")
_DENOISERS = ("checkpoint", "transformer")


def value_bytes(spec: ModelSpec) -> int:
    """Bytes of one activation: the built-in model runs in float32, the others in bfloat16."""
    return 4 if spec.precision == "fp32" else 2


def parameters(architecture: Architecture) -> int:
    """Parameters of a transformer, from its widths."""
    squares = architecture.width**2 + architecture.audio_width**2
    return 16 * architecture.layers * squares


def weights(spec: ModelSpec, roles: frozenset[str] | None = None) -> dict[str, int]:
    """Bytes of weights by role; `roles` limits the optional ones (upscalers, adapters)."""
    optional = {"spatial_upscaler", "temporal_upscaler", "distilled_lora", "duration_head"}
    found: dict[str, int] = {}
    for file in spec.files:
        if file.role in optional and file.role not in (roles or ()):
            continue
        size = file.bytes
        if size is None:
            size = parameters(spec.architecture) * value_bytes(spec) if _denoises(file.role) else 0
        found[file.role] = found.get(file.role, 0) + size
    if "text_encoder" not in found and spec.text_encoder.bytes:
        found["text_encoder"] = spec.text_encoder.bytes
    if not any(_denoises(role) for role in found):
        found["transformer"] = parameters(spec.architecture) * value_bytes(spec)
    return found


DECODERS = {"conv": 1, "diffusion": 6}
"""How much decoding with each kind of VAE takes, in times of what a convolutional one takes."""


def held(spec: ModelSpec) -> Held:
    """What a row's model keeps alive; of one that was not counted, the most of all."""
    names = (spec.name, spec.layout, spec.family)
    return next((HELD[name] for name in names if name in HELD), _MOST)


def decode_bytes(
    tile: tuple[int, ...], value_bytes: int, values: float = HELD["ltx-2.5"].decode
) -> int:
    """What decoding so many pixels (width, height, frames) at once takes, their picture left out.

    values: that are alive at once, of each pixel.
    """
    return round(math.prod(tile) * value_bytes * values)


def whole_decode_bytes(memory: MemoryEstimate, shape: Shape, frames: int, value_bytes: int) -> int:
    """What decoding so many whole frames at once takes, by the figures of a plan.

    shape: that is decoded. value_bytes: of one activation, which the plan only supposes.
    """
    pixels, parts = shape.width * shape.height, memory.components
    supposed = parts["frames"] / (pixels * shape.num_frames * _PICTURE)
    tile = math.prod(map(min, (shape.width, shape.height, shape.num_frames), _TILE))
    each = parts["decode"] / supposed / tile
    return round(pixels * frames * (each + _PICTURE / 2) * value_bytes)


def estimate_memory(
    spec: ModelSpec, stages: tuple[Stage, ...], guided: bool, low_vram: bool, adapters: int = 0
) -> MemoryEstimate:
    """Bytes by component and at the peak. adapters: bytes of those of the whole run."""
    each = value_bytes(spec)
    largest = max(
        (_tokens(s.shape) + s.also_tokens for s in stages if s.kind in _LATENT), default=0
    )
    alive = held(spec)
    passes = (
        (_tokens(s.shape) + s.also_tokens) * (alive.prompts if _is_guided(s, guided) else 1)
        for s in stages
        if s.kind == "denoise"
    )
    last = next(s.shape for s in stages if s.kind == "decode_video")
    width = spec.architecture.width + spec.architecture.audio_width
    clip = (last.width, last.height, last.num_frames)
    tile = tuple(map(min, clip, _SMALL_TILE if low_vram else _TILE))
    files = weights(spec, _optional(stages))
    parts = {
        "latents": largest * spec.architecture.latent_channels * 4 * 4,
        "denoise": round(max(passes) * width * each * alive.denoise),
        "decode": decode_bytes(tile, each, alive.decode) * DECODERS[spec.vae],
        "frames": math.prod(clip) * each * _PICTURE,
        "runtime": RUNTIME,
        **({"adapters": adapters} if adapters else {}),
    }
    resident = max(files.values()) if low_vram else sum(files.values())
    working = max(parts["denoise"], parts["decode"] + parts["frames"])
    peak = parts["runtime"] + parts["latents"] + resident + adapters + working
    return MemoryEstimate({**files, **parts}, peak)


def estimate_default(spec: ModelSpec, low_vram: bool = False) -> MemoryEstimate:
    """Memory of the clip a model makes when asked for nothing but a prompt."""
    clip = spec.defaults
    shape = Shape(clip.width, clip.height, clip.num_frames, clip.fps)
    stages = (Stage("denoise", spec.sampling.steps, shape), Stage("decode_video", 1, shape))
    return estimate_memory(spec, stages, spec.sampling.video.scale > 1, low_vram)


def estimate_seconds(spec: ModelSpec, stages: tuple[Stage, ...], passes: int) -> float | None:
    """Seconds on the machine the row's speed was measured on; None where it was not.

    passes: forward passes per step of stages that have no guidance of their own.
    """
    if spec.speed is None:
        return None
    work = sum(
        _forward(stage, passes) * (_tokens(stage.shape) + stage.also_tokens)
        for stage in stages
        if stage.kind == "denoise"
    )
    last = next(s.shape for s in stages if s.kind == "decode_video")
    pixels = last.width * last.height * last.num_frames
    seconds = work / spec.speed.tokens_per_second + pixels / spec.speed.pixels_per_second
    return round(spec.speed.load_seconds + seconds, 1)


def forward_passes(*guidance: Guidance) -> int:
    """Forward passes per step: each kind of guidance that is on costs one more."""
    kinds = (
        any(each.uses_negative_prompt for each in guidance),
        any(each.stg_scale > 0 for each in guidance),
        any(each.modality_scale > 1 for each in guidance),
    )
    return 1 + sum(kinds)


def _forward(stage: Stage, passes: int) -> int:
    """Forward passes of all its steps."""
    if stage.guidances:
        return sum(forward_passes(each) for each in stage.guidances)
    return stage.steps * (passes if stage.guidance is None else forward_passes(stage.guidance))


def _tokens(shape: Shape) -> int:
    return latent_tokens(shape.width, shape.height, shape.num_frames)


def _is_guided(stage: Stage, guided: bool) -> bool:
    return guided if stage.guidance is None else stage.guidance.uses_negative_prompt


def _denoises(role: str) -> bool:
    return role in _DENOISERS


def _optional(stages: tuple[Stage, ...]) -> frozenset[str]:
    roles = {"upscale_spatial": "spatial_upscaler", "upscale_temporal": "temporal_upscaler"}
    used = {roles[s.kind] for s in stages if s.kind in roles}
    return frozenset(used | ({"distilled_lora"} if "spatial_upscaler" in used else set()))
