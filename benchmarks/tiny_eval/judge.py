"""Compares what was measured with what was asked for; measures and generates nothing itself."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.tiny_eval.measure import Measured
from benchmarks.tiny_eval.palette import Bytes
from benchmarks.tiny_eval.prompts import Prompt, Wanted

KEPT_DB = 26.0  # a picture counts as kept from this peak signal-to-noise ratio on
TOGETHER = 0.15  # seconds between a bounce seen and its click heard
CLIP_ENDS = 0.1  # seconds at both ends in which an impact may lack its click


@dataclass(frozen=True)
class Verdict:
    """Which checks a clip passed, and figures in decibels, by name."""

    checks: dict[str, bool]
    decibels: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return all(self.checks.values())


def psnr(frame: Bytes, picture: Bytes) -> float:
    """Peak signal-to-noise ratio in dB; a picture of another size is resized to the frame."""
    height, width = frame.shape[:2]
    if picture.shape != frame.shape:
        resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        picture = np.asarray(resized, np.uint8)
    error = float(np.mean((frame.astype(np.float64) - picture) ** 2))
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def sound_right(prompt: Prompt, found: Measured, seconds: float) -> bool:
    """Whether the sound follows the event: the colours' tones, clicks at bounces only, silence."""
    heard = found.heard
    if heard is None or prompt.silent or heard.silent:
        return heard is not None and prompt.silent and heard.silent
    wanted = {item.color for item in prompt.objects}
    tones = heard.colors[: len(wanted)]
    return set(tones) == wanted and _clicks_right(prompt, found, seconds)


def _clicks_right(prompt: Prompt, found: Measured, seconds: float) -> bool:
    clicks = found.heard.clicks if found.heard else ()
    if not any(item.motion == "bouncing" for item in prompt.objects):
        return not clicks
    seen = [
        moment
        for item in found.objects
        for moment in item.impacts
        if CLIP_ENDS < moment < seconds - CLIP_ENDS
    ]
    met = [moment for moment in seen if any(abs(moment - click) < TOGETHER for click in clicks)]
    return bool(clicks) and 2 * len(met) >= len(seen)


def judge_text(prompt: Prompt, found: Measured, seconds: float) -> Verdict:
    """Checks of a clip made from words alone."""
    around = {
        "background": found.background == prompt.background,
        "camera": found.camera == prompt.camera,
        "sound": sound_right(prompt, found, seconds),
    }
    seen = sorted((item.color, item.shape, item.motion) for item in found.objects)
    if prompt.pair:
        wanted = sorted((item.color, item.shape, item.motion) for item in prompt.objects)
        return Verdict({"both objects": seen == wanted, **around}, {})
    return Verdict({**_matches(prompt.main, found), **around}, {})


def _matches(wanted: Wanted, found: Measured) -> dict[str, bool]:
    return {
        "color": found.main.color == wanted.color,
        "shape": found.main.shape == wanted.shape,
        "motion": found.main.motion == wanted.motion,
    }


def judge_pictures(
    prompt: Prompt, found: Measured, frames: Bytes, pictures: tuple[tuple[int, Bytes], ...]
) -> Verdict:
    """Checks of a clip made from pictures (frame, pixels): they are kept, and it moves as told."""
    names = {0: "first frame", -1: "last frame"}
    decibels = {names.get(at, f"frame {at}"): psnr(frames[at], pixels) for at, pixels in pictures}
    kept = {f"{name} kept": value >= KEPT_DB for name, value in decibels.items()}
    motion = found.main.motion == prompt.main.motion
    told = motion and found.camera == prompt.camera
    return Verdict({**kept, "moves as told": told}, decibels)
