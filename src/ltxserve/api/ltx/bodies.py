"""What LTX API bodies ask for, as requests of ours: field by field, nothing else knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
    """POST text-to-video; duration None = the model's own length."""

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
    guidance_scale: float | None = None
    model: str | None = None


class Retake(_Body):
    """POST retake: a part of a video is made anew."""

    video_uri: str
    start_time: float = Field(ge=0)
    duration: float = Field(ge=2)
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
    "audio-to-video": "This service cannot make a video to a given sound yet.",
    "retake": "This service cannot replace a part of a video yet.",
    "video-to-video-hdr": "This service makes no HDR video.",
    "video-to-video-reframe": "This service cannot reframe a video yet.",
}
"""Endpoint -> why the engine cannot do it today."""


@dataclass(frozen=True)
class Longer:
    """An extension: `seconds` more of a video, made after its end or before its start."""

    source: str
    seconds: float
    prompt: str
    before: bool
    model: str | None


def read(endpoint: str, body: Mapping[str, Any]) -> dict[str, Any] | Longer:
    """The request that a body asks for. Raises RequestRefused, or `not_supported` by name."""
    refusal = REFUSED.get(endpoint)
    kind = BODIES.get(endpoint)
    if kind is None:
        raise _unsupported(refusal or "There is no such endpoint.")
    try:
        parsed = kind.model_validate(dict(body))
    except ValidationError as error:
        raise RequestRefused(_problem(item) for item in error.errors(include_url=False)) from None
    if refusal:
        raise _unsupported(refusal)
    if isinstance(parsed, Extend):
        source = source_of(parsed.video_uri)
        before = parsed.mode == "start"
        return Longer(source, parsed.duration, parsed.prompt or "", before, parsed.model)
    assert isinstance(parsed, TextToVideo)
    return _request(parsed)


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


def _problem(item: Mapping[str, Any]) -> Problem:
    field = ".".join(str(part) for part in item["loc"])[:100]
    code = "unknown_field" if item["type"] == "extra_forbidden" else "invalid_field"
    return Problem(code, f"{item['msg']}.", "See the API's reference.", field)


def _unsupported(reason: str) -> LtxserveError:
    hint = "Use text-to-video, image-to-video or extend."
    return LtxserveError("not_supported", reason, hint)
