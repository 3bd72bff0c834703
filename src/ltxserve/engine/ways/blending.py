"""Joins what is kept with what is new, in pictures and in sound, without a jump; pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ltxserve.engine.backends.base import Frames
from ltxserve.media.rates import exact_fps, samples_for
from ltxserve.media.sound import Sound

RAMP = 4
"""Kept frames next to new ones that go over from the source's pixels to the decoder's."""
FADE_SECONDS = 0.02


def share_of_new(distance: int) -> float:
    """How much of a frame is the decoder's; distance: frames to the nearest new one, 0 = is new."""
    return max(0.0, 1 - distance / (RAMP + 1))


def mixed(kept: Frames, made: Frames, share: float) -> Frames:
    """Frames between the source's (share 0) and the decoder's (share 1)."""
    if share <= 0:
        return kept
    if share >= 1:
        return made
    between = kept.astype(np.float32) * (1 - share) + made.astype(np.float32) * share
    return between.round().astype(np.uint8)


def replaced(sound: Sound, new: Sound, start: float, end: float) -> Sound:
    """A sound with another one in it from `start` to `end` (seconds), faded over at both.

    `new` lasts as long as `sound` and is brought to its rate and channels. The fades lie inside,
    so that what is outside is untouched; at the sound's own ends nothing is faded.
    """
    fresh = alike(new, sound).fitted(sound.num_samples).samples
    first = min(sound.num_samples, round(start * sound.sample_rate))
    last = max(first, min(sound.num_samples, round(end * sound.sample_rate)))
    weight = np.zeros(sound.num_samples, np.float32)
    weight[first:last] = 1
    fade = min(round(FADE_SECONDS * sound.sample_rate), (last - first) // 2)
    if fade:
        rising = _rising(fade)
        if first > 0:
            weight[first : first + fade] = rising
        if last < sound.num_samples:
            weight[last - fade : last] = rising[::-1]
    joined = sound.samples * (1 - weight) + fresh * weight
    return Sound(joined.astype(np.float32, copy=False), sound.sample_rate)


def appended(before: Sound, after: Sound, overlap: Sound | None = None) -> Sound:
    """One sound behind another; both at `before`'s rate and channels already.

    overlap: what goes before `after` where it comes from; faded in over the end of `before`.
    """
    held = before.samples
    if overlap is not None:
        count = round(FADE_SECONDS * before.sample_rate)
        fade = min(count, before.num_samples, overlap.num_samples)
        if fade:
            rising = _rising(fade)
            last = held[:, -fade:] * (1 - rising) + overlap.samples[:, -fade:] * rising
            held = np.concatenate([held[:, :-fade], last], axis=1)
    joined = np.concatenate([held, after.samples], axis=1)
    return Sound(joined.astype(np.float32, copy=False), before.sample_rate)


def alike(sound: Sound, pattern: Sound) -> Sound:
    """A sound at another one's rate and channels."""
    brought = sound.resampled(pattern.sample_rate)
    if brought.channels == pattern.channels:
        return brought
    mono = brought.samples.mean(axis=0, keepdims=True)
    return Sound(np.repeat(mono, pattern.channels, axis=0), brought.sample_rate)


def cut(sound: Sound, fps: float, first: int, end: int) -> Sound:
    """What sounds while frames `first` to `end` (exclusive) are shown; silence where it ended."""
    rate = sound.sample_rate
    start, stop = (samples_for(frame, exact_fps(fps), rate) for frame in (first, end))
    return Sound(sound.fitted(max(stop, sound.num_samples)).samples[:, start:stop], rate)


def silence(num_frames: int, fps: float, pattern: Sound) -> Sound:
    """Silence for some frames at another sound's rate and channels."""
    count = samples_for(num_frames, exact_fps(fps), pattern.sample_rate)
    return Sound(np.zeros((pattern.channels, count), np.float32), pattern.sample_rate)


def _rising(count: int) -> npt.NDArray[np.float32]:
    return np.linspace(0, 1, count + 2, dtype=np.float32)[1:-1]
