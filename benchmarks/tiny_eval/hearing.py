"""Hears which colours' tones sound and where clicks are; knows nothing of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.tiny_eval.palette import Floats
from ltxserve.training.tiny.words import world

SILENCE = 0.012  # root mean square, of full scale 1, below which nothing is heard
TONE_BAND = 0.035  # half width of a tone's band as a share of its pitch
SECOND_TONE = 0.12  # power of the strongest tone that makes another one heard
TONAL = 0.2  # share of the power below CLICK_HZ that lies in the tones' bands
CLICK_HZ = 3800.0  # above the tones and their first overtones
CLICK_WINDOW = 0.008  # seconds
CLICK_APART = 0.2  # seconds between two clicks
EDGE = 0.03  # seconds at both ends where a sound that starts or stops is no click
CLICK_ABOVE = 6.0  # how far a click's level stands above the usual one


@dataclass(frozen=True)
class Sound:
    """Samples float32 (channels, n) in -1..1 and their rate in hertz."""

    samples: Floats
    sample_rate: int


@dataclass(frozen=True)
class Heard:
    """What sounds: colours by their tones, the loudest first; clicks in seconds; balance -1..1.

    balance: -1 all left, 1 all right, 0 also for one channel.
    """

    silent: bool
    colors: tuple[str, ...]
    clicks: tuple[float, ...]
    balance: float


def tone_powers(samples: Floats, rate: int) -> tuple[dict[str, float], float]:
    """Power in the band of each colour's pitch, and all power between the lowest and CLICK_HZ.

    Channels are added as powers: added as waves, tones of opposite phase would be lost.
    """
    length = samples.shape[1]
    spectrum = (np.abs(np.fft.rfft(samples * np.hanning(length))) ** 2).sum(0)
    pitch = np.fft.rfftfreq(length, 1 / rate)
    audible = (pitch > 150) & (pitch < CLICK_HZ)
    bands = {
        name: float(spectrum[np.abs(pitch / color.pitch - 1) < TONE_BAND].sum())
        for name, color in world().colors.items()
    }
    return bands, float(spectrum[audible].sum())


def clicks_of(samples: Floats, rate: int) -> tuple[float, ...]:
    """Seconds of short broadband bursts: peaks of the level above CLICK_HZ."""
    spectrum = np.fft.rfft(samples)
    pitch = np.fft.rfftfreq(samples.shape[1], 1 / rate)
    high = np.fft.irfft(np.where(pitch > CLICK_HZ, spectrum, 0), samples.shape[1])
    window = max(1, round(CLICK_WINDOW * rate))
    power = np.convolve((high**2).mean(0), np.full(window, 1 / window), mode="same")
    level = np.sqrt(np.maximum(power, 0.0))
    floor = max(float(np.median(level)), _loudness(samples) / 60, SILENCE / 30)
    edge = round(EDGE * rate)
    level[:edge] = level[len(level) - edge :] = 0.0
    times: list[float] = []
    for index in np.argsort(-level):
        if level[index] < CLICK_ABOVE * floor:
            break
        moment = float(index / rate)
        if all(abs(moment - other) >= CLICK_APART for other in times):
            times.append(moment)
    return tuple(sorted(times))


def _loudness(samples: Floats) -> float:
    """Root mean square over time and channels."""
    return float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0


def _balance(samples: Floats) -> float:
    if len(samples) < 2:
        return 0.0
    left, right = _loudness(samples[0]), _loudness(samples[1])
    return (right - left) / (right + left) if left + right else 0.0


def listen(sound: Sound) -> Heard:
    """What a sound holds; at least a tenth of a second is needed to tell the tones apart."""
    samples = sound.samples.astype(np.float32)
    if samples.shape[1] < sound.sample_rate // 10 or _loudness(samples) < SILENCE:
        return Heard(True, (), (), 0.0)
    bands, total = tone_powers(samples, sound.sample_rate)
    loudest = max(bands.values())
    ranked = sorted(bands, key=lambda name: -bands[name])
    tonal = loudest > TONAL * total
    colors = tuple(name for name in ranked[:2] if tonal and bands[name] >= SECOND_TONE * loudest)
    return Heard(False, colors, clicks_of(samples, sound.sample_rate), _balance(samples))
