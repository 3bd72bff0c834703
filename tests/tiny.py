"""The built-in model in tests: one engine for the whole process, clips that take half a second.

Loading costs seconds, so every test that needs the real model takes it from here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

import ltxserve
from ltxserve.catalog import load_catalog
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import Plan, plan
from ltxserve.progress import Progress
from ltxserve.types import GenerationRequest

if TYPE_CHECKING:
    from ltxserve.engine.backends.diffusers.run import DiffusersBackend

SPEC = load_catalog().model("tiny")
SMALL: dict[str, Any] = {
    "width": 128,
    "height": 128,
    "num_frames": 9,
    "num_inference_steps": 2,
    "seed": 1,
}
PROMPT = "a red ball moves right on grass"

Pixels = npt.NDArray[np.uint8]


def engine() -> Engine:
    """The engine that `ltxserve.generate` uses too."""
    return ltxserve.shared_engine()


def backend() -> DiffusersBackend:
    """The built-in model, resident."""
    return cast("DiffusersBackend", engine().backend("tiny"))


def request(**fields: Any) -> GenerationRequest:
    """A small request; `fields` win."""
    return GenerationRequest.model_validate({"prompt": PROMPT, **SMALL, **fields})


def planned(**fields: Any) -> Plan:
    """The plan of a small request."""
    return plan(request(**fields), load_catalog())


class Diary:
    """An observer that writes down all it is told, and does something at one of the steps."""

    def __init__(self, at: tuple[str, int] | None = None, act: Any = None) -> None:
        self.told: list[Progress] = []
        self._at = at
        self._act = act

    def __call__(self, progress: Progress) -> None:
        self.told.append(progress)
        if (progress.stage, progress.step) == self._at:
            self._act()

    def steps(self, stage: str) -> list[tuple[int, int]]:
        return [(item.step, item.of) for item in self.told if item.stage == stage]

    @property
    def stages(self) -> list[str]:
        """Every stage once, in the order in which they began."""
        return list(dict.fromkeys(item.stage for item in self.told))


def disc(
    colour: tuple[int, int, int] = (222, 30, 38),
    at: tuple[float, float] = (0.5, 0.5),
    size: tuple[int, int] = (128, 128),
) -> Pixels:
    """A disc on rippled sand, place as shares of width and height; uint8 (h, w, 3)."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    ripples = np.sin((2 * columns + 5 * rows) / 22) * 14
    picture = np.array([205, 180, 132]) + ripples[..., None]
    away = np.hypot(columns - at[0] * width, rows - at[1] * height)
    picture[away < 0.18 * min(size)] = colour
    return picture.clip(0, 255).astype(np.uint8)


def saved(picture: Pixels, path: Path) -> str:
    """The picture as a PNG file, for a condition's source."""
    Image.fromarray(picture).save(path)
    return str(path)
