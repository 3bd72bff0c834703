"""The port of a backend: loads one model and executes plans on it; the frames come out in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from ltxserve.catalog import ModelSpec
from ltxserve.engine.plan import Plan
from ltxserve.media.sound import Sound
from ltxserve.progress import Observer

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
DtypeChoice = Literal["auto", "float32", "bfloat16", "float16"]
Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Placement:
    """Where a model runs and in which arithmetic; "auto" lets the backend choose."""

    device: DeviceChoice = "auto"
    dtype: DtypeChoice = "auto"
    models_dir: Path | None = None


class Made(Protocol):
    """A denoised clip that is not decoded yet. Decoding happens while `frames` is consumed."""

    warnings: tuple[str, ...]

    def frames(self) -> Iterator[Frames]:
        """Chunks uint8 (n, height, width, 3) of the plan's `generate` shape, in order."""
        ...

    def sound(self) -> Sound | None:
        """The sound, or None where the plan makes none."""
        ...


class Backend(Protocol):
    """One resident model."""

    def run(self, plan: Plan, seed: int, observer: Observer) -> Made:
        """Prompt, conditions and denoising of a plan; `observer` is called at every step.

        Raises MediaError for a condition that cannot be read (before any heavy work), OutOfMemory,
        and whatever the observer raises.
        """
        ...

    def peak_memory(self) -> int:
        """Bytes at the highest point since the backend was loaded."""
        ...


def create_backend(spec: ModelSpec, placement: Placement) -> Backend:
    """Load a model with the backend that runs it.

    Raises ModelUnavailable: `backend_missing`, `weights_missing`, `weights_corrupt`.
    """
    from ltxserve.engine.backends.diffusers.load import load_backend

    return load_backend(spec, placement)
