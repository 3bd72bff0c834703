"""What a generation gives back: a clip in memory, or a clip in a file. It knows no model and no backend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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


@dataclass(frozen=True)
class Report:
    """How a run went: its plan with the seed that was used, seconds by stage, warnings, memory.

    peak_memory: bytes, the process' on a CPU, the allocator's on a GPU.
    """

    plan: Plan
    seed: int
    timings: Mapping[str, float]
    warnings: tuple[str, ...]
    peak_memory: int

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of the run, loading left out."""
        return sum(value for name, value in self.timings.items() if name != "load")


@dataclass(frozen=True, eq=False)
class Clip:
    """A finished clip in memory: frames uint8 (n, height, width, 3), sound or None, and its report."""

    frames: npt.NDArray[np.uint8]
    audio: Sound | None
    fps: float
    report: Report = field(repr=False)

    @property
    def seed(self) -> int:
        """The seed that makes this clip again."""
        return self.report.seed

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds by stage."""
        return self.report.timings

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was done differently from what was asked."""
        return self.report.warnings

    def save(self, path: str | Path) -> EncodedFile:
        """Write the clip; the suffix chooses the format (.mp4, .webm, .gif, none = PNG folder).

        Raises RequestRefused `output_invalid` for another suffix, MediaError if it cannot be written.
        """
        target = target_of(Path(path), self.report)
        return write_video([self.frames], target, self.audio)


@dataclass(frozen=True)
class ClipFile:
    """A finished clip that went straight into a file, and its report."""

    file: EncodedFile
    report: Report = field(repr=False)

    @property
    def path(self) -> Path:
        """Where the clip lies."""
        return self.file.path

    @property
    def seed(self) -> int:
        """The seed that makes this clip again."""
        return self.report.seed


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


def target_of(path: Path, report: Report) -> EncodeTarget:
    """Where and how a clip is written: by its plan's output options and the file's suffix."""
    plan = report.plan
    kind = format_of(path)
    return EncodeTarget(
        path=path,
        format=kind,
        fps=exact_fps(plan.deliver.fps),
        width=plan.deliver.width,
        height=plan.deliver.height,
        crf=plan.output.crf if kind == plan.output.format else None,
        metadata=metadata_of(report) if plan.output.embed_metadata else {},
    )


def metadata_of(report: Report) -> dict[str, str]:
    """What is embedded in a file so that its clip can be made again."""
    plan = report.plan
    return {
        "prompt": plan.prompt,
        "seed": str(report.seed),
        "model": plan.model,
        "plan": json.dumps(_without_sources(plan.to_dict()), sort_keys=True),
    }


def _without_sources(plan: dict[str, object]) -> dict[str, object]:
    """Data URIs are whole files and URLs may carry keys: neither belongs into a file that is passed on."""
    conditions = plan.get("conditions")
    if isinstance(conditions, list):
        plan["conditions"] = [
            {**item, "source": "(left out)"} for item in conditions if isinstance(item, dict)
        ]
    return plan
