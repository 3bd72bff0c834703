"""The nouns of a request and its result; knows no model, so it judges no values.

Only structure is checked here (names and types). Whether a value is possible is decided in one
place, the plan, which knows the model and reports all problems at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

OutputFormat = Literal["mp4", "webm", "gif", "png"]
ControlKind = Literal["canny", "depth", "pose"]
Direction = Literal["end", "start"]


class Noun(BaseModel):
    """Base of the request's parts: frozen, and a field that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Python takes True for 1; who writes `true` steps means something else."""
        told = value if isinstance(value, list | tuple) else (value,)
        if any(each is True or each is False for each in told):
            annotation = cls.model_fields[info.field_name or ""].annotation
            if bool not in (annotation, *get_args(annotation)):
                raise PydanticCustomError("true_or_false", "Input should not be true or false")
        return value


class Condition(Noun):
    """A picture or video that the clip must show at a frame.

    source: path, http(s) URL or data URI of an image or a video.
    frame: pixel frame of the clip, from 0; negative counts from the end (-1 = the last).
    strength: 0 to 1; 1 keeps the source as it is.
    num_frames: for a video, how many of its frames to use (None = as many as fit up to the next).
    """

    source: str
    frame: int = 0
    strength: float = 1.0
    num_frames: int | None = None


class LoraUse(Noun):
    """An adapter by catalog name or path, and how strongly it acts (0 to 2)."""

    name_or_path: str
    strength: float = 1.0


class Control(Noun):
    """A control video (edges, depth or poses) that the clip's motion must follow.

    compute: whether the source is a plain video that it is made of; None = yes for canny, no for
    the others, of which this build makes none.
    """

    kind: ControlKind
    source: str
    strength: float = 1.0
    compute: bool | None = None


class Upscale(Noun):
    """Which latent upscalers run after the first pass: size x2, frame rate x2."""

    spatial: bool = False
    temporal: bool = False


class Output(Noun):
    """What is delivered: container, quality (crf; None = the format's own) and file name."""

    format: OutputFormat = "mp4"
    crf: int | None = None
    embed_metadata: bool = True
    file_name: str | None = None


class VideoSource(Noun):
    """A video that the clip is made from.

    source: path, http(s) URL or data URI of a video.
    source_frames: how many frames it has at the clip's rate; measured, whatever is said here.
    source_has_sound: whether there is sound in it; measured, whatever is said here.
    """

    source: str
    source_frames: int | None = None
    source_has_sound: bool | None = None


class VideoToVideo(VideoSource):
    """A video to make over: noise is put on it and taken off again, led by the prompt.

    strength: 0 to 1, the noise level to start from; a low one keeps the source, 1 forgets it.
    """

    strength: float = 0.7


class Retake(VideoSource):
    """A range of a video to make anew; what is outside stays as it is.

    start: second of the source at which the range begins.
    end: second of the source at which it ends.
    video: whether the pictures are made anew.
    audio: whether the sound is made anew.
    """

    start: float
    end: float
    video: bool = True
    audio: bool = True


class Extend(VideoSource):
    """A video to go on from; one of `seconds` and `num_frames` says how much is added.

    direction: after its end or before its start.
    seconds: how much to add.
    num_frames: how much to add, in frames.
    context: seconds of the source that the model sees while it goes on (None = 2).
    join: whether the source is delivered with what is added.
    """

    direction: Direction = "end"
    seconds: float | None = None
    num_frames: int | None = None
    context: float | None = None
    join: bool = True


class GivenSound(Noun):
    """A sound that the clip is made to, and that it carries.

    source: path, http(s) URL or data URI of a sound, or of a video with one.
    start: second of it at which the clip begins.
    source_seconds: how long it is; measured, whatever is said here.
    """

    source: str
    start: float = 0.0
    source_seconds: float | None = None


class Dfr(Noun):
    """Diffusion fidelity rendering: half size first, then full size led by stills the model makes.

    rounds: how often the frame rate is doubled and refined, 0 to 2. detail: whether the pass at
    full size wears the adapter that draws details from the first.
    """

    rounds: int = 0
    detail: bool = True


class AutoLength(Noun):
    """A length that the model chooses from the prompt, between two lengths in seconds.

    max_seconds: None = the longest that the model makes.
    """

    min_seconds: float = 1.0
    max_seconds: float | None = None


class GenerationRequest(Noun):
    """Everything a caller can ask of one clip; None means "the model's or preset's default".

    Size: `width` and `height` in pixels, or `size` ("720p", "1080p", "1280x720"), with
    `aspect_ratio` ("16:9") to derive what is left open. Length: `num_frames` or `seconds`,
    at `fps` frames per second, or `auto_length`. `enhance_prompt` has the prompt written out by
    the model first. `seed` None = random, reported back. Guidance terms without
    prefix act on the picture, `audio_*` on the sound. `audio` None = when the model can (and,
    where the clip is made from a video, when that has sound). At most one of `video_to_video`,
    `retake` and `extend`: size, rate and length that are left open are then the source's.
    """

    prompt: str
    negative_prompt: str | None = None
    model: str = "tiny"
    preset: str | None = None
    width: int | None = None
    height: int | None = None
    size: str | None = None
    aspect_ratio: str | None = None
    num_frames: int | None = None
    seconds: float | None = None
    auto_length: AutoLength | None = None
    fps: float | None = None
    enhance_prompt: bool = False
    seed: int | None = None
    num_inference_steps: int | None = None
    sigmas: tuple[float, ...] | None = None
    guidance_scale: float | None = None
    stg_scale: float | None = None
    stg_blocks: tuple[int, ...] | None = None
    guidance_rescale: float | None = None
    modality_scale: float | None = None
    audio_guidance_scale: float | None = None
    audio_stg_scale: float | None = None
    audio_guidance_rescale: float | None = None
    audio_modality_scale: float | None = None
    conditions: tuple[Condition, ...] = ()
    loras: tuple[LoraUse, ...] = ()
    camera_motion: str | None = None
    controls: tuple[Control, ...] = ()
    video_to_video: VideoToVideo | None = None
    retake: Retake | None = None
    extend: Extend | None = None
    sound: GivenSound | None = None
    upscale: Upscale = Upscale()
    dfr: Dfr | None = None
    audio: bool | None = None
    low_vram: bool = False
    output: Output = Output()


@dataclass(frozen=True)
class Shape:
    """A clip's extent: width and height in pixels, frames, and frames per second."""

    width: int
    height: int
    num_frames: int
    fps: float

    @property
    def seconds(self) -> float:
        """How long the clip plays."""
        return self.num_frames / self.fps


@dataclass(frozen=True)
class Artifact:
    """A finished file: where it is, its media type, its length in bytes and its SHA-256 (hex)."""

    path: Path
    media_type: str
    bytes: int
    sha256: str
