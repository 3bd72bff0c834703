"""All clips' sounds on one timeline: when each is heard, how it fades, added up block by block."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ltxserve.media.stitch.plan import Joint, Part, StitchPlan
from ltxserve.media.stitch.sounds import Hearing, Samples, Tap, hear

BLOCK = 4096
"""Samples that are mixed at a time."""


@dataclass(frozen=True)
class Voice:
    """One clip's sound: heard from sample `begin` to `end` of the result, rising until `risen`,
    falling from `falls` on. `lead` is how much earlier than its part it begins, in seconds."""

    part: Part
    begin: int
    risen: int
    falls: int
    end: int
    lead: Fraction

    def gain(self, first: int, count: int) -> Samples:
        """The gain at each sample from `first` on; equal power, so a crossfade keeps its level."""
        place = np.arange(first, first + count, dtype=np.float64) + 0.5
        rise = np.ones(count)
        if self.risen > self.begin:
            rise = np.clip((place - self.begin) / (self.risen - self.begin), 0, 1)
        fall = np.ones(count)
        if self.end > self.falls:
            fall = np.clip((self.end - place) / (self.end - self.falls), 0, 1)
        gain = self.part.volume * np.sin(rise * np.pi / 2) * np.sin(fall * np.pi / 2)
        return gain.astype(np.float32)


def voices(plan: StitchPlan) -> tuple[Voice, ...]:
    """When each part is heard; those without sound or with volume 0 are left out."""
    if plan.sample_rate is None:
        return ()
    rises = [(Fraction(0), Fraction(0))] + [_rise(plan, i) for i in range(len(plan.joints))]
    falls = [_fall(plan, i) for i in range(len(plan.joints))]
    falls.append((plan.num_frames / plan.fps, plan.num_frames / plan.fps))
    rate = plan.sample_rate
    return tuple(
        Voice(
            part=part,
            begin=round(rise[0] * rate),
            risen=round(rise[1] * rate),
            falls=round(fall[0] * rate),
            end=round(fall[1] * rate),
            lead=start / plan.fps - Fraction(round(rise[0] * rate), rate),
        )
        for part, start, rise, fall in zip(plan.parts, plan.starts, rises, falls, strict=True)
        if part.facts.sample_rate and part.volume > 0
    )


def mixed(plan: StitchPlan) -> Generator[Samples]:
    """The result's sound in blocks, `plan.num_samples` in all; only what is heard is open."""
    waiting = sorted(voices(plan), key=lambda voice: voice.begin)
    playing: list[tuple[Voice, Tap, ExitStack]] = []
    with ExitStack() as everything:
        for first in range(0, plan.num_samples, BLOCK):
            count = min(BLOCK, plan.num_samples - first)
            while waiting and waiting[0].begin < first + count:
                playing.append(_opened(waiting.pop(0), plan, everything))
            block = np.zeros((plan.channels, count), np.float32)
            for voice, tap, own in playing:
                _add(block, first, voice, tap)
                if voice.end <= first + count:
                    own.close()
            playing = [entry for entry in playing if entry[0].end > first + count]
            yield block


def _opened(voice: Voice, plan: StitchPlan, everything: ExitStack) -> tuple[Voice, Tap, ExitStack]:
    part = voice.part
    hearing = Hearing(
        start=part.first / part.facts.fps - voice.lead * part.speed,
        speed=part.speed,
        keep_pitch=part.keep_pitch,
        sample_rate=plan.sample_rate or 0,
        channels=plan.channels,
    )
    own = everything.enter_context(ExitStack())
    pieces = own.enter_context(closing(hear(part.facts, hearing)))
    return voice, Tap(pieces, plan.channels), own


def _add(block: Samples, first: int, voice: Voice, tap: Tap) -> None:
    begin = max(voice.begin, first)
    count = min(voice.end, first + block.shape[1]) - begin
    if count > 0:
        samples = tap.draw(count) * voice.gain(begin, count)
        block[:, begin - first : begin - first + count] += samples


def _window(plan: StitchPlan, index: int) -> tuple[Fraction, Fraction, bool]:
    """A joint's centre and half its sound's crossfade, in seconds, and whether sound from outside
    the parts may be used for it."""
    joint, start = plan.joints[index], plan.starts[index + 1]
    centre = (start + Fraction(joint.overlap, 2)) / plan.fps
    own = joint.transition.audio_seconds
    if own is not None:
        return centre, Fraction(own) / 2, True
    return centre, _picture_half(joint) / plan.fps, joint.dark == 0


def _picture_half(joint: Joint) -> Fraction:
    return Fraction(joint.overlap, 2) + joint.dark


def _fall(plan: StitchPlan, index: int) -> tuple[Fraction, Fraction]:
    """From when to when the part before a joint fades, in seconds of the result."""
    part, begin = plan.parts[index], plan.starts[index] / plan.fps
    centre, half, beyond = _window(plan, index)
    if half == 0:
        return centre, centre
    end = begin + part.num_frames / plan.fps
    spare = (part.facts.num_frames - part.stop) / (part.facts.fps * part.speed)
    return max(centre - half, begin), min(centre + half, end + (spare if beyond else 0))


def _rise(plan: StitchPlan, index: int) -> tuple[Fraction, Fraction]:
    """From when to when the part after a joint rises, in seconds of the result."""
    part, begin = plan.parts[index + 1], plan.starts[index + 1] / plan.fps
    centre, half, beyond = _window(plan, index)
    if half == 0:
        return centre, centre
    end = begin + part.num_frames / plan.fps
    spare = part.first / (part.facts.fps * part.speed)
    return max(centre - half, begin - (spare if beyond else 0), Fraction(0)), min(
        centre + half, end
    )
