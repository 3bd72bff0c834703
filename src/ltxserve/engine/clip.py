"""What a generation gives back: a clip in memory or in a file; knows no model and no backend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ltxserve.engine.plan import Plan
from ltxserve.errors import Problem, RequestRefused
from ltxserve.media.encode import EncodedFile, write_video
from ltxserve.media.formats.base import EncodeTarget, VideoFormat
from ltxserve.media.rates import exact_fps
from ltxserve.media.sound import Sound

FORMATS: Mapping[str, VideoFormat] = {".mp4": "mp4", ".webm": "webm", ".gif": "gif", "": "png"}
"""File name suffix -> format; a name without one is a folder of PNG frames."""
LEFT_OUT = "(left out)"
"""In embedded plans, where a source was: see `metadata_of`."""


@dataclass(frozen=True)
class Report:
    """How a run went.

    plan: what ran, with the seed that was used. timings: seconds by stage (read_conditions, load,
    encode_prompt, encode_conditions, denoise, decode_video, decode_audio, encode_file; those that
    ran). The encoder works beside the decoders: encode_file is what was waited for it. warnings:
    what was done differently from what was asked. peak_memory: bytes, of the device's allocator
    on CUDA, of this process elsewhere. remarks: what was measured of the clip, such as how far
    the colours of an extension's segments have drifted.
    """

    plan: Plan
    seed: int
    timings: Mapping[str, float]
    warnings: tuple[str, ...]
    peak_memory: int
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of the run, loading left out."""
        return sum(value for name, value in self.timings.items() if name != "load")


class Reported:
    """What clips in memory and in files answer alike, from their report."""

    report: Report

    @property
    def seed(self) -> int:
        """The seed that makes this clip again, with the same plan, device and versions."""
        return self.report.seed

    @property
    def plan(self) -> Plan:
        """What ran."""
        return self.report.plan

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds by stage."""
        return self.report.timings

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was done differently from what was asked."""
        return self.report.warnings


@dataclass(frozen=True, eq=False)
class Clip(Reported):
    """A finished clip in memory.

    frames: RGB uint8 (n, height, width, 3), sRGB values as a screen shows them. audio: samples
    float32 (channels, m) in -1..1 that last as long as the frames, or None. fps: frames per
    second.
    """

    frames: npt.NDArray[np.uint8] = field(repr=False)
    audio: Sound | None = field(repr=False)
    fps: float
    report: Report = field(repr=False)

    @property
    def num_frames(self) -> int:
        """How many frames it has."""
        return len(self.frames)

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.frames.shape[2])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.frames.shape[1])

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return self.num_frames / self.fps

    def save(self, path: str | Path) -> EncodedFile:
        """Write the clip; the suffix chooses the format (.mp4, .webm, .gif, none = PNG folder).

        The file appears whole or not at all. Raises RequestRefused `output_invalid` for another
        suffix, MediaError if it cannot be written.
        """
        return write_video([self.frames], target_of(Path(path), self.plan), self.audio)


@dataclass(frozen=True)
class ClipFile(Reported):
    """A finished clip that went straight into a file.

    file: path, media type, bytes, SHA-256, width and height in pixels, frames, rate, sound.
    """

    file: EncodedFile
    report: Report = field(repr=False)

    @property
    def path(self) -> Path:
        """Where the clip lies (for PNG frames, the folder)."""
        return self.file.path


def format_of(path: Path) -> VideoFormat:
    """The format that a file name asks for. Raises RequestRefused `output_invalid`."""
    known = FORMATS.get(path.suffix.lower())
    if known is None:
        problem = Problem(
            "output_invalid",
            f"{path.suffix} is not a format that can be written.",
            "Use .mp4, .webm, .gif, or a name without suffix for a folder of PNG frames.",
            "output",
        )
        raise RequestRefused([problem])
    return known


def target_of(path: Path, plan: Plan, durable: bool = True) -> EncodeTarget:
    """Where and how a clip is written: by its plan's output options and the file's suffix.

    durable: see EncodeTarget. A quality that was planned for another format does not apply.
    Raises RequestRefused.
    """
    kind = format_of(path)
    return EncodeTarget(
        path=path,
        format=kind,
        fps=exact_fps(plan.deliver.fps),
        width=plan.deliver.width,
        height=plan.deliver.height,
        crf=plan.output.crf if kind == plan.output.format else None,
        metadata=metadata_of(plan) if plan.output.embed_metadata else {},
        durable=durable,
    )


def metadata_of(plan: Plan) -> dict[str, str]:
    """What is embedded in a file so that its clip can be made again: prompt, seed, model, plan.

    Sources are left out: a data URI is a whole file, a URL may carry a key, and a path is
    nobody's business where the file goes.
    """
    return {
        "prompt": plan.prompt,
        "seed": str(plan.seed),
        "model": plan.model,
        "plan": json.dumps(_without_sources(plan.to_dict()), sort_keys=True),
    }


def _without_sources(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: LEFT_OUT if key in ("source", "path") and item else _without_sources(item)
            for key, item in value.items()
        }
    return [_without_sources(item) for item in value] if isinstance(value, list) else value
