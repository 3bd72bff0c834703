"""The command-line options of a generation request, as one table; builds no request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

SIZE, LENGTH, SAMPLING, GUIDING, SOURCES, MADE_FROM, OUTPUT = (
    "Picture size",
    "Length",
    "Sampling",
    "Guidance",
    "Pictures, video, adapters",
    "From a video, to a sound",
    "Output",
)
Read = Literal["as is", "object", "numbers", "image", "video", "lora", "control"]


@dataclass(frozen=True)
class RequestOption:
    """One option: its flags, its type on the command line, the request field it fills (dotted),
    and how its text is read."""

    name: str
    flags: tuple[str, ...]
    type: Any
    help: str
    panel: str
    field: str
    read: Read = "as is"
    metavar: str | None = None


def _plain(field: str, type: Any, help: str, panel: str, *flags: str) -> RequestOption:
    names = flags or ("--" + field.rsplit(".", 1)[-1].replace("_", "-"),)
    return RequestOption(field.replace(".", "_"), names, type, help, panel, field)


def _switch(field: str, flag: str, help: str, panel: str) -> RequestOption:
    return _plain(field, bool, help, panel, f"--{flag}/--no-{flag}")


def _term(name: str, help: str) -> RequestOption:
    return _plain(name, float, help, GUIDING)


def _from(field: str, type: Any, help: str, flag: str, metavar: str | None = None) -> RequestOption:
    name = field.replace(".", "_")
    return RequestOption(name, (flag,), type, help, MADE_FROM, field, metavar=metavar)


def _many(flag: str, field: str, read: Read, metavar: str, help: str) -> RequestOption:
    return RequestOption(flag, (f"--{flag}",), list[str], help, SOURCES, field, read, metavar)


OPTIONS: tuple[RequestOption, ...] = (
    _plain("model", str, "Model name; `ltxserve models` lists them.", SAMPLING, "--model", "-m"),
    _plain("preset", str, "Named settings; your own options win.", SAMPLING),
    _plain("enhance_prompt", bool, "Have the model write the prompt out.", SAMPLING),
    _plain("negative_prompt", str, "What the clip must not show (needs guidance).", GUIDING),
    _plain("width", int, "Pixels.", SIZE, "--width", "-W"),
    _plain("height", int, "Pixels.", SIZE, "--height", "-H"),
    _plain("size", str, "720p, 1080p, ... or 1280x720.", SIZE),
    _plain("aspect_ratio", str, "For example 16:9.", SIZE),
    _plain("num_frames", int, "8n+1 frames.", LENGTH),
    _plain("seconds", float, "Length; the nearest 8n+1 frames are made.", LENGTH),
    RequestOption(
        "auto_length",
        ("--auto-length",),
        bool,
        "Let the model choose the length (LTX-2.5).",
        LENGTH,
        "auto_length",
        "object",
    ),
    _plain("auto_length.min_seconds", float, "The shortest it may choose.", LENGTH),
    _plain("auto_length.max_seconds", float, "The longest it may choose.", LENGTH),
    _plain("fps", float, "Frames per second.", LENGTH),
    _plain("seed", int, "Same seed, same clip. Random if left out.", SAMPLING, "--seed", "-s"),
    _plain("num_inference_steps", int, "Denoising steps.", SAMPLING, "--steps"),
    RequestOption(
        "sigmas",
        ("--sigmas",),
        str,
        "Noise levels from 1 towards 0, separated by commas.",
        SAMPLING,
        "sigmas",
        "numbers",
    ),
    _term("guidance_scale", "How strictly the prompt is followed (1 = off)."),
    _term("stg_scale", "Spatio-temporal guidance (0 = off)."),
    RequestOption(
        "stg_blocks",
        ("--stg-blocks",),
        str,
        "Blocks it acts on, separated by commas.",
        GUIDING,
        "stg_blocks",
        "numbers",
    ),
    _term("guidance_rescale", "0 to 1; tames strong guidance."),
    _term("modality_scale", "How closely picture and sound belong together (1 = off)."),
    _term("audio_guidance_scale", "As --guidance-scale, for the sound."),
    _term("audio_stg_scale", "As --stg-scale, for the sound."),
    _term("audio_guidance_rescale", "As --guidance-rescale, for the sound."),
    _term("audio_modality_scale", "As --modality-scale, for the sound."),
    _many(
        "image",
        "conditions",
        "image",
        "SOURCE[@FRAME[:STRENGTH]]",
        "A picture to show at a frame (0 = first, -1 = last). Repeatable.",
    ),
    _many(
        "video",
        "conditions",
        "video",
        "SOURCE[@FRAME[:STRENGTH]]",
        "A video whose frames to show from a frame on. Repeatable.",
    ),
    _many("lora", "loras", "lora", "NAME[@STRENGTH]", "An adapter by name or path. Repeatable."),
    _plain("camera_motion", str, "static, dolly_in, dolly_out, jib_up, ...", SOURCES, "--camera"),
    _many(
        "control",
        "controls",
        "control",
        "KIND[:ready]=SOURCE[@STRENGTH]",
        "A canny, depth or pose video to follow; canny:ready= shows edges already. Repeatable.",
    ),
    _from("video_to_video.source", str, "A video to make over.", "--video-to-video", "VIDEO"),
    _from("video_to_video.strength", float, "0 keeps it, 1 forgets it (0.7).", "--strength"),
    _from("retake.source", str, "A video of which a range is made anew.", "--retake", "VIDEO"),
    _from("retake.start", float, "Second at which the range begins.", "--retake-start"),
    _from("retake.end", float, "Second at which it ends.", "--retake-end"),
    _switch("retake.video", "retake-video", "Make the pictures anew.", MADE_FROM),
    _switch("retake.audio", "retake-audio", "Make the sound anew.", MADE_FROM),
    _from("extend.source", str, "A video to go on from.", "--extend", "VIDEO"),
    _from("extend.seconds", float, "Seconds to add.", "--extend-seconds"),
    _from("extend.num_frames", int, "Frames to add.", "--extend-frames"),
    _from("extend.direction", str, "end or start.", "--extend-direction"),
    _from("extend.context", float, "Seconds of it that the model sees.", "--extend-context"),
    _switch("extend.join", "join", "Deliver the video with what is added.", MADE_FROM),
    _from("sound.source", str, "A sound to make the clip to.", "--sound", "SOUND"),
    _from("sound.start", float, "Second of it at which the clip begins.", "--sound-start"),
    _switch("upscale.spatial", "upscale-spatial", "Double the size after the first pass.", SIZE),
    RequestOption(
        "dfr",
        ("--dfr",),
        bool,
        "Render at half size, then at full size led by stills (LTX-2.5).",
        SIZE,
        "dfr",
        "object",
    ),
    _plain(
        "dfr.rounds",
        int,
        "How often the frame rate is doubled and refined.",
        LENGTH,
        "--dfr-rounds",
    ),
    _switch("dfr.detail", "dfr-detail", "Wear the adapter that draws details.", SIZE),
    _switch("upscale.temporal", "upscale-temporal", "Double the frame rate.", LENGTH),
    _switch("audio", "audio", "With or without sound.", OUTPUT),
    _switch("low_vram", "low-vram", "Load one part at a time: slower, smaller.", SAMPLING),
    _plain("output.format", str, "mp4, webm, gif or png.", OUTPUT, "--format", "-f"),
    _plain("output.crf", int, "Quality of the file; smaller is better.", OUTPUT),
    _switch("output.embed_metadata", "metadata", "Write the request into the file.", OUTPUT),
    _plain("output.file_name", str, "Name of the file, where a service names it.", OUTPUT),
)
