"""What the catalog's rows say, as frozen dataclasses; knows no file format and no request.

The numbers themselves stand in models.toml; they come from the vendor's configs and READMEs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Camera = Literal["none", "prompt", "lora"]
Variant = Literal["dev", "distilled"]
Precision = Literal["fp32", "bf16", "int8", "fp8", "fp4", "q4"]
LoraKind = Literal["camera", "ic", "distilled", "style"]
Role = Literal[
    "checkpoint",
    "transformer",
    "connectors",
    "text_encoder",
    "vae",
    "audio_vae",
    "spatial_upscaler",
    "temporal_upscaler",
    "distilled_lora",
    "duration_head",
]


@dataclass(frozen=True)
class Licence:
    """Terms of weights: `free_use` is False where an agreement with limits has to be accepted."""

    name: str
    title: str
    url: str
    free_use: bool
    note: str = ""


@dataclass(frozen=True)
class TextEncoder:
    """The model that reads the prompt; bytes as stored, tokens it reads at most.

    subfolder: its folder in the repo, or its one file. tokenizer: folder, where it is another one.
    """

    name: str
    repo: str
    max_tokens: int
    bytes: int | None = None
    gated: bool = False
    subfolder: str = ""
    tokenizer: str = ""


@dataclass(frozen=True)
class WeightFile:
    """One file of a repo and its part in the model; bytes as stored, None where not known."""

    path: str
    role: Role
    bytes: int | None = None
    repo: str | None = None


@dataclass(frozen=True)
class Architecture:
    """Sizes of the transformer that memory is estimated from: blocks, widths, latent channels."""

    layers: int
    width: int
    audio_width: int = 0
    latent_channels: int = 128


@dataclass(frozen=True)
class Limits:
    """What a model can make: multiples and sides in pixels, frames, seconds, frames per second.

    multiple: sides divide by it (two_stage_multiple when a spatial upscaler follows).
    max_seconds: reach of the time embedding; frames <= max_seconds * fps + 4, cut to 8n+1.
    trained_fps: rates the model saw; others work less well and get a warning.
    snap_fps_above, snap_fps_to: above the first, the model is told the second (0 = never).
    keyframe_grid: a keyframe can start at every such pixel frame (1 = everywhere).
    """

    multiple: int
    two_stage_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    min_frames: int
    max_frames: int
    max_seconds: float
    min_fps: float
    max_fps: float
    trained_fps: tuple[float, ...]
    max_steps: int
    snap_fps_above: float = 0.0
    snap_fps_to: float = 0.0
    keyframe_grid: int = 1
    max_conditions: int = 8
    max_loras: int = 4


@dataclass(frozen=True)
class Defaults:
    """The clip a request gets that asks for nothing."""

    width: int
    height: int
    num_frames: int
    fps: float
    negative_prompt: str = ""


@dataclass(frozen=True)
class GuidanceTerms:
    """Guidance of one modality: scale 1, stg 0, rescale 0, modality 1 mean "off"."""

    scale: float = 1.0
    stg: float = 0.0
    rescale: float = 0.0
    modality: float = 1.0


@dataclass(frozen=True)
class GuidanceSchedule:
    """Guidance that changes on the way: entry i holds down to sigma `switch[i]`, the last to 0.

    A step takes the first entry whose `switch` is at or below its sigma.
    """

    switch: tuple[float, ...]
    scale: tuple[float, ...]
    stg: tuple[float, ...]
    rescale: tuple[float, ...]
    blocks: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SecondPass:
    """The pass after a latent upscale, and its sigmas.

    guidance: of picture and sound. keep_sound: the clip keeps the first pass's sound. adapter: of
    the catalog, that acts in this pass besides the request's own.
    """

    sigmas: tuple[float, ...] = ()
    guidance: GuidanceTerms = GuidanceTerms()
    stg_blocks: tuple[int, ...] = ()
    tone_map: float = 0.0
    keep_sound: bool = False
    adapter: str = ""


@dataclass(frozen=True)
class DfrPasses:
    """Of diffusion fidelity rendering: sigmas of its rounds, and the adapter that draws details.

    segments: how many latent frames may lie between two stills. eta: how much fresh noise the steps
    of rounds draw.
    """

    sigmas: tuple[float, ...]
    adapter: str
    strength: float
    segments: tuple[int, ...]
    eta: float


@dataclass(frozen=True)
class Sampling:
    """How a model denoises unless told otherwise.

    sigmas: fixed curve from 1 towards 0 without the final 0 (empty = the scheduler makes it).
    decode_timestep, decode_noise_scale: of the VAE decoder (0 = decoder takes no noise).
    conditioning_crf: H.264 quality that single conditioning images are re-compressed at.
    image_noise_scale: noise on a conditioning image's latent.
    first_pass_scale: multi-scale models render this share of the size first (1 = no).
    cfg_star_rescale: the prediction without the prompt is first scaled to the other's share of it.
    schedule: guidance of each step; `video` then says what is strongest in it.
    """

    steps: int
    video: GuidanceTerms
    audio: GuidanceTerms = GuidanceTerms()
    sigmas: tuple[float, ...] = ()
    stg_blocks: tuple[int, ...] = ()
    stg_mode: str = ""
    decode_timestep: float = 0.0
    decode_noise_scale: float = 0.0
    conditioning_crf: int = 0
    image_noise_scale: float = 0.0
    stochastic: bool = False
    first_pass_scale: float = 1.0
    cfg_star_rescale: bool = False
    schedule: GuidanceSchedule | None = None
    second_pass: SecondPass | None = None
    dfr: DfrPasses | None = None


@dataclass(frozen=True)
class Supports:
    """What a model can do; a request for anything else is refused before the run."""

    guidance: bool = False
    negative_prompt: bool = False
    stg: bool = False
    audio: bool = False
    image: bool = True
    keyframes: bool = False
    video: bool = False
    video_to_video: bool = False
    retake: bool = False
    extend: bool = False
    audio_to_video: bool = False
    camera: Camera = "none"
    loras: bool = False
    controls: tuple[str, ...] = ()
    upscale_spatial: bool = False
    upscale_temporal: bool = False
    duration_head: bool = False
    enhance_prompt: bool = False
    low_vram: bool = True


@dataclass(frozen=True)
class Speed:
    """Measured on `machine`: seconds to load, latent tokens x forward passes and decoded
    pixels per second; only for the dry run's estimate of time."""

    machine: str
    load_seconds: float
    tokens_per_second: float
    pixels_per_second: float


@dataclass(frozen=True)
class Mel:
    """How a model's sound encoder is shown sound: log(max(mel, floor)), then (x + shift) / scale.

    The magnitudes of a short-time transform of `window` samples, Hann, are gathered by triangular
    filters on the `filters` mel scale ("slaney": filters of equal area, as LTX-2 was trained with;
    "htk": of equal height, magnitudes divided by window / 4). pad: what is put beyond the ends.
    Rate, hop and number of filters stand in the encoder's own configuration.
    """

    window: int = 1024
    filters: Literal["slaney", "htk"] = "slaney"
    pad: Literal["reflect", "constant"] = "reflect"
    floor: float = 1e-5
    shift: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class ModelSpec:
    """One checkpoint: where it is, what it may be used for, what it can do, how it is run.

    `weights` is the folder of a model inside this package's catalog, or "" for one that is
    fetched; `layout` names what is inside its files. `runs` says whether this build can run it;
    if not, `reason` says why.
    """

    name: str
    title: str
    family: str
    version: str
    variant: Variant
    precision: Precision
    repo: str
    licence: Licence
    text_encoder: TextEncoder
    architecture: Architecture
    limits: Limits
    defaults: Defaults
    sampling: Sampling
    supports: Supports
    runs: bool
    files: tuple[WeightFile, ...] = ()
    gated: bool = False
    vae: str = "conv"
    layout: str = ""
    aliases: tuple[str, ...] = ()
    diffusers_repo: str = ""
    weights: str = ""
    reason: str = ""
    note: str = ""
    speed: Speed | None = None
    mel: Mel = Mel()


@dataclass(frozen=True)
class LoraSpec:
    """One adapter: `base` = prefixes of the model names it was trained on, `untested` = of others
    on which users report that it loads. `file` is "" where its name was not published."""

    name: str
    kind: LoraKind
    repo: str
    file: str
    base: tuple[str, ...]
    licence: str
    bytes: int | None = None
    strength: float = 1.0
    motion: str = ""
    control: tuple[str, ...] = ()
    trigger: str = ""
    reference_downscale: int = 1
    untested: tuple[str, ...] = ()
    gated: bool = False
    note: str = ""


@dataclass(frozen=True)
class Preset:
    """Named request values; the caller's own values win, except where a field is locked."""

    name: str
    title: str
    values: Mapping[str, Any]
    locked: tuple[str, ...] = ()


@dataclass(frozen=True)
class CameraMove:
    """A camera motion and the sentence that asks for it in a prompt."""

    name: str
    title: str
    phrase: str
    also: tuple[str, ...] = field(default=())
