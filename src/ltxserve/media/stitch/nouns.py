"""What a stitch is made of, as the caller says it; structure only, `judge` and `plan` decide."""

from __future__ import annotations

from typing import Literal

from ltxserve.types import Noun, Output

TransitionKind = Literal["cut", "crossfade", "fade"]
Fit = Literal["crop", "pad", "stretch"]


class Transition(Noun):
    """How a clip follows the one before it.

    kind: cut; crossfade (both overlap and are blended); fade (to black and back, no overlap).
    seconds: of a crossfade, the overlap; of a fade, both halves together; a cut has none.
    audio_seconds: length of the sound's crossfade, centred on the joint; None = as the picture.
    """

    kind: TransitionKind = "cut"
    seconds: float = 0.5
    audio_seconds: float | None = None


class StitchClip(Noun):
    """One clip of a stitch, and which part of it is used.

    source: path, http(s) URL or data URI of a video; a service also takes ids of its own.
    start: second at which its part begins, to the nearest frame; negative counts from the end.
    end: second at which its part ends; None = the clip's end; negative counts from the end.
    start_frame: first frame used, instead of `start`; negative counts from the end.
    end_frame: first frame no longer used, instead of `end`; negative counts from the end.
    speed: 0.1 to 10; 2 plays twice as fast.
    volume: 0 (silent) to 10; 1 leaves the sound as it is.
    keep_pitch: with a speed, keep the sound's pitch; false changes it as a tape does.
    transition: how this clip follows the one before; None = the stitch's own.
    """

    source: str
    start: float | None = None
    end: float | None = None
    start_frame: int | None = None
    end_frame: int | None = None
    speed: float = 1.0
    volume: float = 1.0
    keep_pitch: bool = True
    transition: Transition | None = None


class Stitch(Noun):
    """Clips in order, joined into one file of one size and rate; None = as the first clip.

    clips: at least one.
    transition: between all clips that have none of their own.
    width: pixels of the result; with one side given the other follows the first clip.
    height: pixels of the result.
    fps: frames per second of the result.
    fit: clips of another shape: crop fills the picture, pad adds black, stretch distorts.
    audio: false leaves the sound out; None = with sound if any clip has some.
    loudness: LUFS (EBU R 128) that the whole sound is brought to, such as -14; None = as it is.
    reencode: encode every frame anew, also where a copy of the stream would be exact.
    output: mp4 or webm, quality and file name.
    """

    clips: tuple[StitchClip, ...]
    transition: Transition = Transition()
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    fit: Fit = "crop"
    audio: bool | None = None
    loudness: float | None = None
    reencode: bool = False
    output: Output = Output()
