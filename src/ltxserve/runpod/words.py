"""The words of a job's `input`: names, types and what they stand for; knows no rule about them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field

from ltxserve.types import Control, GenerationRequest, Noun, OutputFormat

MAX_PROMPTS = 16
"""Clips in one job; a queue serves more of them better than one long job does."""
ALIASES = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "cfg": "guidance_scale",
    "length": "num_frames",
    "duration": "seconds",
    "frame_rate": "fps",
    "resolution": "size",
    "camera": "camera_motion",
    "generate_audio": "audio",
}
"""Words of other workers -> fields of our request."""
SOURCES = {
    "image": "first",
    "image_url": "first",
    "image_base64": "first",
    "last_image": "last",
    "last_image_url": "last",
    "last_image_base64": "last",
    "end_image_url": "last",
    "video": "video_to_video",
    "video_url": "video_to_video",
    "video_base64": "video_to_video",
    "audio_url": "sound",
    "audio_base64": "sound",
}
"""Field -> which picture of the clip it is, or what the clip is made from."""
FRAMES = {"first": 0, "last": -1}
DETAILER = "ic-detailer"
NATIVE = frozenset(GenerationRequest.model_fields)
MAX_DEPTH = 32
"""Objects and lists inside each other in an input; no legal one comes near."""


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class S3Target(Noun):
    """A bucket of the caller's, in our words or in those of RunPod's `s3Config`.

    endpoint: http(s)://HOST[:PORT] (path style). region: of the signature.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    endpoint: str = Field(validation_alias=AliasChoices("endpoint", "endpoint_url", "endpointUrl"))
    bucket: str = Field(validation_alias=AliasChoices("bucket", "bucket_name", "bucketName"))
    access_key_id: str = Field(validation_alias=AliasChoices("access_key_id", "accessId"))
    secret_access_key: str = Field(
        validation_alias=AliasChoices("secret_access_key", "accessSecret"), repr=False
    )
    region: str = ""
    prefix: str = ""


class Extras(Noun):
    """What a job's input can say besides the fields of a request; None = not said.

    mode: t2v, i2v or v2v; must agree with the sources. prompts: several clips in one job.
    image..., last_image...: frames to show. video...: to make over. audio...: to make pictures to.
    All are URL, data URI or base64. strength: of pictures and videos.
    spatial_upscaler, temporal_upscaler, detailer: toggles. control: a control video.
    output_format, file_name: what is delivered, and its name at the end of its path.
    return_signed_url: with a store, give a link. return_base64: give the file itself.
    upload_url: presigned address that the file is PUT to, one for each clip. s3: a bucket that it
    is put in. stitch: join clips (`clips`), or the clips that the `prompts` make.
    """

    mode: Literal["t2v", "i2v", "v2v"] | None = None
    prompts: tuple[str, ...] | None = None
    image: str | None = None
    image_url: str | None = None
    image_base64: str | None = None
    last_image: str | None = None
    last_image_url: str | None = None
    last_image_base64: str | None = None
    end_image_url: str | None = None
    video: str | None = None
    video_url: str | None = None
    video_base64: str | None = None
    audio_url: str | None = None
    audio_base64: str | None = None
    strength: float | None = None
    spatial_upscaler: bool = False
    temporal_upscaler: bool = False
    detailer: bool = False
    control: Control | None = None
    output_format: OutputFormat | None = None
    file_name: str = "video.mp4"
    return_signed_url: bool = True
    return_base64: bool = False
    upload_url: Annotated[tuple[str, ...], BeforeValidator(_listed)] | None = None
    s3: S3Target | None = None
    stitch: dict[str, Any] | None = None
