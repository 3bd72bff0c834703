"""What a plan consists of: frozen, complete, and readable as JSON; decides nothing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from ltxserve.engine.conditioning import PlannedCondition
from ltxserve.engine.geometry import SIDE_STEP, cover
from ltxserve.engine.loras import PlannedLora
from ltxserve.types import ControlKind, Direction, Output, Shape

StageKind = Literal[
    "enhance_prompt",
    "choose_length",
    "encode_prompt",
    "encode_conditions",
    "denoise",
    "upscale_spatial",
    "upscale_temporal",
    "decode_video",
    "decode_audio",
    "encode_file",
]
OPEN: tuple[StageKind, ...] = ("enhance_prompt", "choose_length")
"""Stages after which a plan is made anew, with what the model has said in them."""
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

    sigmas: of a denoising stage; None = the scheduler makes its own curve of `steps`. guidance:
    of picture and sound in a denoising stage that has its own; None = the plan's. guidances: of
    each step, where they change on the way; () = they do not. loras: adapters of this stage alone,
    besides the plan's. also_tokens: of control videos, which the model sees besides the clip's own.
    """

    kind: StageKind
    steps: int
    shape: Shape
    sigmas: tuple[float, ...] | None = None
    guidance: Guidance | None = None
    loras: tuple[PlannedLora, ...] = ()
    also_tokens: int = 0
    guidances: tuple[Guidance, ...] = ()


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes by component and the most that are needed at once; see plan/memory.py."""

    components: dict[str, int]
    peak: int


@dataclass(frozen=True)
class PlannedVideoToVideo:
    """The source to make over; the first of the plan's sigmas is where denoising starts."""

    source: str
    strength: float


@dataclass(frozen=True)
class PlannedRetake:
    """What of a source is made anew.

    first_frame, end_frame: pixel frames from the first to the one behind the last that are new:
    those of `start` to `end` (seconds), widened to whole latent frames. video, audio: which of
    both is made anew; the other stays. source_frames: of the source, all of which is delivered.
    window, window_frames: the first of the frames that the model sees, and how many (8n+1); where
    they reach beyond the source, its last frame goes on.
    """

    source: str
    start: float
    end: float
    first_frame: int
    end_frame: int
    video: bool
    audio: bool
    source_frames: int
    window: int
    window_frames: int


@dataclass(frozen=True)
class Segment:
    """One run of an extension: `context` frames that are held and `new` ones that are made."""

    context: int
    new: int

    @property
    def num_frames(self) -> int:
        """Frames of the clip that the model makes, 8n+1."""
        return self.context + self.new


@dataclass(frozen=True)
class PlannedExtend:
    """How a source is gone on from, in segments; each is led by the tail of what was before it.

    added: frames that are delivered besides the source, of all that the segments make.
    source_frames: of the source at the clip's frame rate; None = not looked at, taken as the
    context. Segments are in the order in which they are made: away from the source.
    """

    source: str
    direction: Direction
    join: bool
    added: int
    source_frames: int | None
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class PlannedControl:
    """A control video that the first pass follows. strength: how clean the model sees it, 0 to 1.

    compute: whether it is made of the source. downscale: the model sees it so many times smaller
    than the clip.
    """

    kind: ControlKind
    source: str
    strength: float
    compute: bool
    downscale: int


@dataclass(frozen=True)
class PlannedSound:
    """The sound that the clip is made to and carries, from its second `start` on."""

    source: str
    start: float


@dataclass(frozen=True)
class PlannedDfr:
    """Diffusion fidelity rendering: where its stills lie, and how its rounds are made.

    frames: of the clip in the first two passes; canvas: those and what fills the last segment.
    stills: pixel frames of the stills in them. rounds: how often the rate is doubled; each is made
    in tiles that meet at stills, with steps that draw `eta` of fresh noise. detail: the second pass
    is shown what the first has made.
    """

    frames: int
    canvas: int
    stills: tuple[int, ...]
    rounds: int
    eta: float
    detail: bool


@dataclass(frozen=True)
class PlannedAutoLength:
    """A length that the model chooses: frames from the fewest to the most, `step` * n + 1."""

    min_frames: int
    max_frames: int
    step: int


@dataclass(frozen=True)
class Plan:
    """Everything a run needs to know and a quote, a dry run or a log wants to show.

    generate: the clip the model makes; deliver: the clip the caller gets after `fit`: "crop" cuts
    its middle out, "scale" scales it to `canvas` first.
    condition_fps: the frame rate the model is told (deliver.fps is the rate of playback).
    sigmas: of the first denoising stage, None = the scheduler's own for num_inference_steps.
    prompt: with the camera's sentence; negative_prompt: "" where no guidance uses it.
    estimated_seconds: None where the machine's speed on this model was never measured.
    generate: of an extension, its longest segment. num_inference_steps: of one segment.
    auto_length: the length was left to the model; until it has chosen, all is planned for the
    longest. asked_prompt: as it was asked for, of one that the model writes or has written out.
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
    controls: tuple[PlannedControl, ...]
    loras: tuple[PlannedLora, ...]
    prompt: str
    negative_prompt: str
    generate_audio: bool
    low_vram: bool
    output: Output
    memory: MemoryEstimate
    estimated_seconds: float | None
    warnings: tuple[str, ...]
    video_to_video: PlannedVideoToVideo | None = None
    retake: PlannedRetake | None = None
    extend: PlannedExtend | None = None
    sound: PlannedSound | None = None
    dfr: PlannedDfr | None = None
    auto_length: PlannedAutoLength | None = None
    asked_prompt: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the model has to say something before the clip can be made."""
        return self.stages[0].kind in OPEN

    @property
    def canvas(self) -> tuple[int, int]:
        """Width and height of the whole picture in its right proportions, before it is cut."""
        if self.fit != "scale":
            return self.generate.width, self.generate.height
        return cover((self.deliver.width, self.deliver.height), SIDE_STEP)

    @property
    def passes(self) -> tuple[Stage, ...]:
        """The denoising stages, in order."""
        return tuple(stage for stage in self.stages if stage.kind == "denoise")

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
