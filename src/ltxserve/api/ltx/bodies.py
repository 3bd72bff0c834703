"""What LTX API bodies ask for, as requests of ours: field by field, nothing else knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ltxserve.api.body import parsed
from ltxserve.errors import LtxserveError, Problem, RequestRefused

UPLOAD_SCHEME = "ltx://uploads/"
"""What storage URIs of uploads begin with; the upload's id follows."""
MAX_PROMPT = 10_000

CameraMotion = Literal[
    "dolly_in",
    "dolly_out",
    "dolly_left",
    "dolly_right",
    "jib_up",
    "jib_down",
    "static",
    "focus_shift",
]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextToVideo(_Body):
    """POST text-to-video; duration None = as long as the prompt needs, where the model can tell
    (LTX-2.5), else the model's own length."""

    prompt: str = Field(max_length=MAX_PROMPT)
    model: str | None = None
    duration: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    resolution: str | None = None
    fps: float = Field(default=24, gt=0, allow_inf_nan=False)
    generate_audio: bool = True
    camera_motion: CameraMotion | None = None
    seed: int | None = None
    negative_prompt: str | None = None


class ImageToVideo(TextToVideo):
    """POST image-to-video."""

    image_uri: str
    last_frame_uri: str | None = None


class AudioToVideo(_Body):
    """POST audio-to-video: an image or a prompt, or both, go with the sound."""

    audio_uri: str
    image_uri: str | None = None
    prompt: str | None = Field(default=None, max_length=MAX_PROMPT)
    resolution: str | None = None
    guidance_scale: float | None = Field(default=None, allow_inf_nan=False)
    model: str | None = None


class Retake(_Body):
    """POST retake: a part of a video is made anew."""

    video_uri: str
    start_time: float = Field(ge=0, allow_inf_nan=False)
    duration: float = Field(ge=2, allow_inf_nan=False)
    prompt: str | None = Field(default=None, max_length=MAX_PROMPT)
    mode: Literal["replace_audio", "replace_video", "replace_audio_and_video"] = (
        "replace_audio_and_video"
    )
    resolution: str | None = None
    model: str | None = None


class Extend(_Body):
    """POST extend: more of a video, after its end or before its start."""

    video_uri: str
    duration: float = Field(gt=0, le=20)
    prompt: str | None = Field(default=None, max_length=MAX_PROMPT)
    mode: Literal["start", "end"] = "end"
    context: float | None = Field(default=None, gt=0, le=20)
    model: str | None = None


BODIES: dict[str, type[_Body]] = {
    "text-to-video": TextToVideo,
    "image-to-video": ImageToVideo,
    "audio-to-video": AudioToVideo,
    "retake": Retake,
    "extend": Extend,
}
"""Endpoint -> its body. Two more of the hosted API are refused by name: see REFUSED."""

REFUSED = {
    "video-to-video-hdr": "This service makes no HDR video.",
    "video-to-video-reframe": "This service cannot reframe a video yet.",
}
"""Endpoint -> why the engine cannot do it today."""


UNPROMPTED = "the scene goes on"
"""What is asked for where a prompt may be missing, and nobody knows the source's own."""

_MODES = {
    "replace_audio": (False, True),
    "replace_video": (True, False),
    "replace_audio_and_video": (True, True),
}


@dataclass(frozen=True)
class Continued:
    """What is made of a video: `way` is the request's field, `how` is what stands in it.

    size: of the picture, None = the video's own.
    """

    way: Literal["extend", "retake"]
    source: str
    how: Mapping[str, Any]
    prompt: str
    model: str | None
    size: str | None = None


def read(endpoint: str, body: Mapping[str, Any]) -> dict[str, Any] | Continued:
    """The request that a body asks for. Raises RequestRefused, or `not_supported` by name."""
    kind = BODIES.get(endpoint)
    if kind is None:
        raise _unsupported(REFUSED.get(endpoint) or "There is no such endpoint.")
    asked = parsed(kind, body)
    if isinstance(asked, Extend):
        return _extended(asked)
    if isinstance(asked, Retake):
        return _retaken(asked)
    if isinstance(asked, AudioToVideo):
        return _to_sound(asked)
    assert isinstance(asked, TextToVideo)
    return _request(asked)


def source_of(uri: str) -> str:
    """A URI as a source of ours: an upload's id for storage URIs, anything else as it is."""
    return uri.removeprefix(UPLOAD_SCHEME)


def _request(body: TextToVideo) -> dict[str, Any]:
    request: dict[str, Any] = {"prompt": body.prompt, "fps": body.fps}
    given = {
        "model": body.model,
        "seconds": body.duration,
        "size": body.resolution,
        "camera_motion": body.camera_motion,
        "seed": body.seed,
        "negative_prompt": body.negative_prompt,
    }
    request |= {key: value for key, value in given.items() if value is not None}
    if not body.generate_audio:
        request["audio"] = False
    if isinstance(body, ImageToVideo):
        request["conditions"] = [{"source": source_of(body.image_uri), "frame": 0}]
        if body.last_frame_uri is not None:
            last = {"source": source_of(body.last_frame_uri), "frame": -1}
            request["conditions"].append(last)
    return request


def _extended(body: Extend) -> Continued:
    how: dict[str, Any] = {"seconds": body.duration, "direction": body.mode}
    if body.context is not None:
        how["context"] = body.context
    return Continued("extend", source_of(body.video_uri), how, body.prompt or "", body.model)


def _retaken(body: Retake) -> Continued:
    video, audio = _MODES[body.mode]
    end = body.start_time + body.duration
    how = {"start": body.start_time, "end": end, "video": video, "audio": audio}
    source, prompt = source_of(body.video_uri), body.prompt or ""
    return Continued("retake", source, how, prompt, body.model, body.resolution)


def _to_sound(body: AudioToVideo) -> dict[str, Any]:
    if body.image_uri is None and not body.prompt:
        hint = "Give prompt or image_uri, or both."
        raise RequestRefused(
            [Problem("prompt_empty", "Nothing says what is to be seen.", hint, "prompt")]
        )
    request: dict[str, Any] = {
        "prompt": body.prompt or UNPROMPTED,
        "sound": {"source": source_of(body.audio_uri)},
    }
    given = {
        "model": body.model,
        "size": body.resolution,
        "guidance_scale": body.guidance_scale,
    }
    request |= {key: value for key, value in given.items() if value is not None}
    if body.image_uri is not None:
        request["conditions"] = [{"source": source_of(body.image_uri), "frame": 0}]
    return request


def _unsupported(reason: str) -> LtxserveError:
    hint = f"Use {', '.join(BODIES)}."
    return LtxserveError("not_supported", reason, hint)
