"""Clips whose frames say their own number, and stitches of them read back from the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ltxserve.media.colour import Pixels
from ltxserve.media.decode import read_sound, read_video
from ltxserve.media.encode import write_video
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.sound import Sound
from ltxserve.media.stitch.facts import look
from ltxserve.media.stitch.parse import parse_stitch
from ltxserve.media.stitch.plan import StitchPlan, plan_stitch
from ltxserve.media.stitch.run import Stitched, Writing, write_stitch
from tests.unit.media.samples import target

BITS = 8
FPS = Fraction(24)


def numbered(count: int, first: int = 0, width: int = 128, height: int = 64) -> Pixels:
    """Frame i shows `first + i` as eight stripes, white for 1: it survives any codec."""
    clip = np.zeros((count, height, width, 3), np.uint8)
    stripe = width // BITS
    for index in range(count):
        for bit in range(BITS):
            if (first + index) >> bit & 1:
                clip[index, :, bit * stripe : (bit + 1) * stripe] = 255
    return clip


def numbers(frames: Pixels) -> list[int]:
    """What the frames of `numbered` clips say."""
    stripe = frames.shape[2] // BITS
    middles = frames[:, frames.shape[1] // 2, stripe // 2 :: stripe, 1][:, :BITS] > 127
    return [sum(1 << bit for bit in range(BITS) if row[bit]) for row in middles]


def tone(seconds: float, hertz: float = 440, level: float = 0.25, rate: int = 48000) -> Sound:
    time = np.arange(round(seconds * rate)) / rate
    return Sound((level * np.sin(2 * np.pi * hertz * time))[None].astype(np.float32), rate)


def clicks(at: Sequence[float], seconds: float, rate: int = 48000) -> Sound:
    """Silence with clicks at the given seconds."""
    samples = np.zeros((1, round(seconds * rate)), np.float32)
    for second in at:
        samples[0, round(second * rate)] = 0.9
    return Sound(samples, rate)


def click_times(sound: Sound, level: float = 0.3) -> list[float]:
    """When the sound's clicks are, each at its loudest sample."""
    loud = np.flatnonzero(np.abs(sound.samples[0]) > level)
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > sound.sample_rate // 50) + 1)
    return [
        int(g[np.argmax(np.abs(sound.samples[0][g]))]) / sound.sample_rate for g in groups if len(g)
    ]


def clip(path: Path, frames: Pixels, sound: Sound | None = None, fps: Fraction = FPS) -> Path:
    return write_video([frames], target(path, frames, fps), sound).path


def sharp(path: Path, frames: Pixels, fps: Fraction = FPS, crf: int = 1) -> Path:
    """As `clip`, with next to no loss."""
    height, width = frames.shape[1:3]
    return write_video([frames], EncodeTarget(path, "mp4", fps, width, height, crf=crf)).path


@dataclass(frozen=True)
class Read:
    """A stitch and what is in its file."""

    made: Stitched
    frames: Pixels
    sound: Sound | None

    @property
    def numbers(self) -> list[int]:
        return numbers(self.frames)


def stitched(path: Path, clips: Sequence[Path], **fields: Any) -> Read:
    """Join clips, each as it is unless `clips_` says more about them, and read the file back."""
    own = fields.pop("clips_", [{}] * len(clips))
    data = {"clips": [{"source": str(c), **o} for c, o in zip(clips, own, strict=True)], **fields}
    made = write_stitch(parse_stitch(data), clips, Writing(path))
    sound = read_sound(path) if made.file.has_sound else None
    return Read(made, read_video(path).frames, sound)


def planned(clips: Sequence[Path], **fields: Any) -> StitchPlan:
    own = fields.pop("clips_", [{}] * len(clips))
    data = {"clips": [{"source": str(c), **o} for c, o in zip(clips, own, strict=True)], **fields}
    return plan_stitch(parse_stitch(data), [look(c) for c in clips])
