"""Clips and sounds that the media tests write and look for again."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from ltxserve.media.colour import Pixels
from ltxserve.media.formats.base import EncodeTarget, VideoFormat
from ltxserve.media.sound import Sound

RATES = [
    Fraction(24),
    Fraction(25),
    Fraction(30),
    Fraction(24000, 1001),
    Fraction(30000, 1001),
]

HARD_METADATA = {
    "prompt": 'Ein roter Ball, "rollt"\nnach rechts \U0001f388 = 100 %; \\n\r\n\t日本語\n\n',
    "seed": "9223372036854775807",
    "model": "tiny",
    "plan": '{"steps": 8, "long": "' + "wörter " * 1500 + '"}',
}
"""Unicode, quotes, newlines of every kind and more than 10 kB in one value."""


def moving_clip(count: int = 49, width: int = 128, height: int = 96, first: int = 0) -> Pixels:
    """A red square that moves right by 1 pixel a frame over a soft gradient; uint8 (n, h, w, 3)."""
    rows, columns = np.mgrid[:height, :width]
    ground = np.stack([columns * 0 + 40, rows * 120 // height + 60, columns * 150 // width], -1)
    clip = np.repeat(ground.astype(np.uint8)[None], count, axis=0)
    for index in range(count):
        left = (first + index) % (width - 24)
        clip[index, 30:54, left : left + 24] = (220, 30, 40)
    return clip


def flat_clip(colour: tuple[int, int, int], count: int = 4, side: int = 64) -> Pixels:
    return np.full((count, side, side, 3), colour, np.uint8)


def click(at: float, seconds: float, rate: int = 48000, channels: int = 2) -> Sound:
    """Silence with one click, `at` seconds from the start."""
    samples = np.zeros((channels, round(seconds * rate)), np.float32)
    samples[:, round(at * rate)] = 0.9
    return Sound(samples, rate)


def click_time(sound: Sound) -> float:
    return int(np.argmax(np.abs(sound.samples[0]))) / sound.sample_rate


def target(
    path: Path,
    clip: Pixels,
    fps: Fraction = RATES[0],
    metadata: Mapping[str, str] | None = None,
    crf: int | None = None,
) -> EncodeTarget:
    """The target for a clip, its format taken from the suffix (none = png)."""
    kinds: dict[str, VideoFormat] = {".mp4": "mp4", ".webm": "webm", ".gif": "gif"}
    height, width = clip.shape[1:3]
    kind = kinds.get(path.suffix, "png")
    return EncodeTarget(path, kind, fps, width, height, crf=crf, metadata=metadata or {})
