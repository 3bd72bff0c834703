"""The sound of a scene: a tone a thing, pitched by colour, panned by place; clicks at bounces.

It knows neither words nor models.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ltxserve.training.tiny.draw import (
    BOUNCE_SECONDS,
    Canvas,
    bounce_phase,
    camera_path,
    thing_path,
)
from ltxserve.training.tiny.scene import Scene, Thing
from ltxserve.training.tiny.words import world

SAMPLE_RATE = 16000
CLICK_SECONDS = 0.04
FADE_SECONDS = 0.03


def impacts(thing: Thing, seconds: float) -> list[float]:
    """Times in seconds at which a bouncing thing hits the ground."""
    if thing.motion != "bouncing":
        return []
    first = (1.0 - bounce_phase(thing)) * BOUNCE_SECONDS
    return [
        first + i * BOUNCE_SECONDS
        for i in range(int(seconds / BOUNCE_SECONDS) + 1)
        if first + i * BOUNCE_SECONDS < seconds
    ]


def _pan(loudness: Tensor, place: Tensor) -> Tensor:
    angle = (place.clamp(-1, 1) * 0.8 + 1) * math.pi / 4
    return torch.stack([loudness * angle.cos(), loudness * angle.sin()])


def _click(seed: int) -> Tensor:
    count = int(CLICK_SECONDS * SAMPLE_RATE)
    noise = torch.rand(count, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return noise * torch.exp(-torch.linspace(0, 6, count))


def _tone(thing: Thing, scene: Scene, canvas: Canvas, times: Tensor) -> Tensor:
    seconds = canvas.num_frames / canvas.fps
    when = (times / seconds).clamp(0, 1)
    x, _, radius = thing_path(thing, when, times)
    zoom, pan_x, _ = camera_path(scene, when)
    pitch = world().colors[thing.color].pitch
    # No overtone: it would be the pitch of another colour.
    wave = torch.sin(math.tau * pitch * times)
    loudness = 0.22 * (radius * zoom / 0.3).clamp(0.3, 2.0)
    return _pan(wave * loudness, (x - pan_x) * zoom)


def sound_of(scene: Scene, canvas: Canvas) -> Tensor:
    """Stereo sound of a scene: float32 (2, samples) in -1..1 at SAMPLE_RATE.

    It is as long as the canvas' frames, rounded to a whole sample.
    """
    count = round(canvas.num_frames / canvas.fps * SAMPLE_RATE)
    times = torch.arange(count) / SAMPLE_RATE
    total = torch.zeros(2, count)
    if scene.silent:
        return total
    for thing in scene.things:
        total += _tone(thing, scene, canvas, times) / len(scene.things) ** 0.5
        for moment in impacts(thing, count / SAMPLE_RATE):
            start = int(moment * SAMPLE_RATE)
            click = _click(1)[: count - start] * 0.7
            total[:, start : start + len(click)] += click
    fade = (times / FADE_SECONDS).clamp(0, 1) * ((times[-1] - times) / FADE_SECONDS).clamp(0, 1)
    return (total * fade).clamp(-1, 1)
