"""What a plan consists of: frozen, complete, and readable as JSON; decides nothing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from ltxserve.engine.conditioning import PlannedCondition
from ltxserve.engine.loras import PlannedLora
from ltxserve.types import Control, Output, Shape

StageKind = Literal[
    "encode_prompt",
    "encode_conditions",
    "denoise",
    "upscale_spatial",
    "upscale_temporal",
    "decode_video",
    "decode_audio",
    "encode_file",
]
Fit = Literal["none", "crop", "scale"]


@dataclass(frozen=True)
class Guidance:
    """Guidance terms of one modality; 1, 0, (), 0, 1 mean "off"."""

    guidance_scale: float
    stg_scale: float
    stg_blocks: tuple[int, ...]
    rescale: float
    modality_scale: float

    @property
    def uses_negative_prompt(self) -> bool:
        """Whether classifier-free guidance runs."""
        return self.guidance_scale > 1.0


@dataclass(frozen=True)
class Stage:
    """One step of the run: what, in how many steps, on a clip of which shape.

    sigmas: of a denoising stage; None = the scheduler makes its own curve of `steps`.
    """

    kind: StageKind
    steps: int
    shape: Shape
    sigmas: tuple[float, ...] | None = None


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes by component and the most that are needed at once; see plan/memory.py."""

    components: dict[str, int]
    peak: int


@dataclass(frozen=True)
class Plan:
    """Everything a run needs to know and a quote, a dry run or a log wants to show.

    generate: the clip the model makes; deliver: the clip the caller gets after `fit`.
    condition_fps: the frame rate the model is told (deliver.fps is the rate of playback).
    sigmas: of the first denoising stage, None = the scheduler's own for num_inference_steps.
    prompt: with the camera's sentence; negative_prompt: "" where no guidance uses it.
    estimated_seconds: None where the machine's speed on this model was never measured.
    """

    model: str
    generate: Shape
    deliver: Shape
    fit: Fit
    condition_fps: float
    seed: int | None
    num_inference_steps: int
    sigmas: tuple[float, ...] | None
    guidance: Guidance
    audio_guidance: Guidance
    decode_timestep: float
    decode_noise_scale: float
    max_sequence_length: int
    stages: tuple[Stage, ...]
    conditions: tuple[PlannedCondition, ...]
    controls: tuple[Control, ...]
    loras: tuple[PlannedLora, ...]
    prompt: str
    negative_prompt: str
    generate_audio: bool
    low_vram: bool
    output: Output
    memory: MemoryEstimate
    estimated_seconds: float | None
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON data."""
        return _plain(self)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value
