"""How loud a sound is by EBU R 128, and bringing it to a target without changing its dynamics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from av import AudioFrame

from ltxserve.media.stitch.sounds import Samples, filtered, filtered_frames

PEAK = 10 ** (-1.5 / 20)
"""Highest sample after levelling: -1.5 dBFS leaves room for the true peak to stay below -1."""
_NOTHING = -69.0  # LUFS; EBU R 128 counts nothing below -70
_MOST_GAIN = 40.0  # dB; more would only raise noise
_LIMITER = f"limit={PEAK:.6f}:attack=5:release=50:level=false:latency=true"


@dataclass(frozen=True)
class Loudness:
    """integrated: LUFS over the whole sound, None where there is nothing to hear or it is shorter
    than 0.4 s; peak: the true peak, 1.0 = full scale."""

    integrated: float | None
    peak: float


class Meter:
    """Measures samples on their way through."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._channels = channels
        self._found: dict[str, str] = {}

    def watch(self, pieces: Iterator[Samples]) -> None:
        """Draw all pieces and keep none."""
        chain = [("ebur128", "metadata=1:peak=true")]
        for frame in filtered_frames(pieces, self._rate, self._channels, chain):
            self._note(frame)

    def _note(self, frame: AudioFrame) -> None:
        self._found.update(frame.metadata)

    @property
    def loudness(self) -> Loudness:
        integrated = float(self._found.get("lavfi.r128.I", "-inf"))
        peak = float(self._found.get("lavfi.r128.true_peak", "0"))
        heard = math.isfinite(integrated) and integrated > _NOTHING
        return Loudness(integrated if heard else None, peak if math.isfinite(peak) else 0.0)


def measure(pieces: Iterator[Samples], sample_rate: int, channels: int) -> Loudness:
    """The loudness of a whole sound; memory does not grow with its length."""
    meter = Meter(sample_rate, channels)
    meter.watch(pieces)
    return meter.loudness


@dataclass(frozen=True)
class Levelling:
    """One gain for the whole sound, and whether the loudest peaks must be held down after it."""

    gain: float
    limit: bool

    def apply(
        self, pieces: Iterator[Samples], sample_rate: int, channels: int
    ) -> Iterator[Samples]:
        louder = (piece * self.gain for piece in pieces)
        if not self.limit:
            return louder
        return filtered(louder, sample_rate, channels, [("alimiter", _LIMITER)])


def levelling(loudness: Loudness, target: float) -> Levelling:
    """What brings a sound of this loudness to the target (LUFS); no gain where nothing is heard."""
    if loudness.integrated is None:
        return Levelling(1.0, False)
    gain = 10 ** (min(target - loudness.integrated, _MOST_GAIN) / 20)
    return Levelling(gain, loudness.peak * gain > PEAK)
