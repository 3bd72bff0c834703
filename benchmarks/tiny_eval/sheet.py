"""Draws the clips that failed as one picture: a row of frames each, with what was wrong below."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.tiny_eval.measure import Measured
from benchmarks.tiny_eval.palette import Bytes
from benchmarks.tiny_eval.prompts import Prompt

COLUMNS = 7
CELL = 128  # pixels
LINE = 18


def _write(strip: Bytes, line: int, text: str, color: tuple[int, int, int]) -> None:
    place = (4, CELL + LINE * line + 13)
    cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)


def wrong(prompt: Prompt, found: Measured) -> str:
    """What differs between prompt and clip, as "motion: left, not right"; sound included."""
    wanted, main = prompt.main, found.main
    pairs = {
        "color": (main.color, wanted.color),
        "shape": (main.shape, wanted.shape),
        "motion": (main.motion, wanted.motion),
        "background": (found.background, prompt.background),
        "camera": (found.camera, prompt.camera),
    }
    parts = [f"{name}: {got}, not {want}" for name, (got, want) in pairs.items() if got != want]
    if found.heard:
        clicks = " ".join(f"{moment:.2f}" for moment in found.heard.clicks)
        parts.append(f"heard: {'+'.join(found.heard.colors) or 'silence'} clicks [{clicks}]")
    return "; ".join(parts)


def failure_row(frames: Bytes, prompt: Prompt, found: Measured) -> Bytes:
    """One row: frames spread over the clip (n, h, w, 3), the prompt and what was wrong."""
    picks = np.linspace(0, len(frames) - 1, COLUMNS).round().astype(int)
    cells = [cv2.resize(frames[at], (CELL, CELL), interpolation=cv2.INTER_AREA) for at in picks]
    strip = np.full((CELL + 2 * LINE + 4, CELL * COLUMNS, 3), 255, np.uint8)
    strip[:CELL] = np.concatenate(cells, axis=1)
    _write(strip, 0, prompt.text, (0, 0, 0))
    _write(strip, 1, wrong(prompt, found), (200, 0, 0))
    return strip
