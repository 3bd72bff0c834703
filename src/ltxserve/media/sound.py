"""Sound as samples in memory: exact length, other rates, WAV; knows nothing of video."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from av import AudioFrame, AudioResampler

from ltxserve.errors import MediaError
from ltxserve.media.atomic import check_replaceable, replacing
from ltxserve.media.failures import writing

LAYOUTS = {1: "mono", 2: "stereo"}
_BLOCK = 1024  # samples in one AAC frame


@dataclass(frozen=True, eq=False)
class Sound:
    """Samples float32 (channels, n) in -1..1 at `sample_rate` per second; 1 or 2 channels."""

    samples: npt.NDArray[np.float32]
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.shape[0] not in LAYOUTS or self.sample_rate < 1:
            raise MediaError(
                "media_unsupported",
                f"Sound of shape {self.samples.shape} at {self.sample_rate} Hz cannot be used.",
                "Give samples as (channels, n) with one or two channels.",
            )

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def num_samples(self) -> int:
        return int(self.samples.shape[1])

    @property
    def seconds(self) -> float:
        return self.num_samples / self.sample_rate

    def fitted(self, num_samples: int) -> Sound:
        """The same sound, cut or padded with silence to exactly `num_samples`."""
        missing = max(0, num_samples - self.num_samples)
        samples = np.pad(self.samples[:, :num_samples], ((0, 0), (0, missing)))
        return Sound(samples, self.sample_rate)

    def resampled(self, sample_rate: int) -> Sound:
        """The same sound at another rate; events keep their time to within one sample."""
        if sample_rate == self.sample_rate:
            return self
        resampler = AudioResampler(format="fltp", layout=LAYOUTS[self.channels], rate=sample_rate)
        parts = [out.to_ndarray() for frame in frames_of(self) for out in resampler.resample(frame)]
        parts += [out.to_ndarray() for out in resampler.resample(None)]
        samples = np.concatenate([np.zeros((self.channels, 0), np.float32), *parts], axis=1)
        wanted = round(self.num_samples * sample_rate / self.sample_rate)
        return Sound(samples.astype(np.float32), sample_rate).fitted(wanted)


def frames_of(sound: Sound) -> Iterator[AudioFrame]:
    """The sound as PyAV frames of at most 1024 samples, timed from zero, clipped to -1..1."""
    clean = np.clip(np.nan_to_num(sound.samples.astype(np.float32)), -1.0, 1.0)
    for start in range(0, sound.num_samples, _BLOCK):
        block = np.ascontiguousarray(clean[:, start : start + _BLOCK])
        frame = AudioFrame.from_ndarray(block, format="fltp", layout=LAYOUTS[sound.channels])
        frame.sample_rate = sound.sample_rate
        frame.pts = start
        frame.time_base = Fraction(1, sound.sample_rate)
        yield frame


def write_wav(sound: Sound, path: Path) -> None:
    """Write 16-bit PCM WAV; `path` appears whole or not at all.

    Raises MediaError (`media_write_failed`, `output_invalid`).
    """
    check_replaceable(path, folder=False)
    with replacing(path) as draft:
        store_wav(sound, draft.result)


def store_wav(sound: Sound, path: Path) -> None:
    """Write 16-bit PCM WAV straight to `path`: a draft, or a file that is copied away at once."""
    clean = np.clip(np.nan_to_num(sound.samples), -1.0, 1.0)
    with writing(path.name), path.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setnchannels(sound.channels)
        file.setsampwidth(2)
        file.setframerate(sound.sample_rate)
        file.writeframes(np.round(clean.T * 32767).astype("<i2").tobytes())
