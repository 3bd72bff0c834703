"""The port of a backend: one loaded model that executes plans; frames come out in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from ltxserve.engine.backends.tuning import Tuning
from ltxserve.engine.plan import Plan
from ltxserve.media.sound import Sound
from ltxserve.progress import Observer

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
DtypeChoice = Literal["auto", "float32", "bfloat16", "float16"]
Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Placement:
    """Where a model runs and in which arithmetic; "auto" lets the backend choose.

    models_dir: looked into first for weights, and where pulled ones go; None = the usual places.
    download: whether weights that are missing may be pulled. accepted: licences of weights that
    the operator accepts. tuning: what makes it quicker.
    """

    device: DeviceChoice = "auto"
    dtype: DtypeChoice = "auto"
    models_dir: Path | None = None
    download: bool = False
    accepted: tuple[str, ...] = ()
    tuning: Tuning = field(default_factory=Tuning)


@dataclass(frozen=True, eq=False)
class ConditionFrames:
    """A condition, read: frames uint8 (n, height, width, 3) of the plan's `canvas` size.

    n is 8k+1. frame: pixel frame of the clip that the first of them belongs to. strength: 0 to 1.
    """

    frames: Frames
    frame: int
    strength: float


@dataclass(frozen=True, eq=False)
class GivenFrames:
    """Pictures that the clip is made from: frames uint8 (n, height, width, 3) of `generate` size.

    frame: pixel frame of the clip that the first of them is: 0 (n is 8k+1), or 8m+1 (n is 8k).
    held: for each of their latent frames, whether it stays as it is or is only begun from.
    """

    frames: Frames
    frame: int
    held: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class GivenSound:
    """Sound that the clip is made from, as long as the clip; held within spans of seconds."""

    sound: Sound
    held: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class ControlFrames:
    """A control video, read: frames uint8 (n, height, width, 3) of the first pass's size.

    n is 8k+1. strength: how clean the model sees it, 0 to 1. downscale: how many times smaller.
    """

    frames: Frames
    strength: float
    downscale: int


@dataclass(frozen=True, eq=False)
class Given:
    """What a clip is made from, besides conditions."""

    frames: GivenFrames | None = None
    sound: GivenSound | None = None
    controls: tuple[ControlFrames, ...] = ()


@dataclass(frozen=True)
class Foreseen:
    """What a model says before a clip can be made.

    prompt: written out. seconds: how long the clip should be.
    """

    prompt: str | None = None
    seconds: float | None = None


class Made(Protocol):
    """A denoised clip that is not decoded yet. Decoding happens while `frames` is consumed."""

    warnings: tuple[str, ...]

    def frames(self) -> Iterator[Frames]:
        """Chunks uint8 (n, height, width, 3) of the plan's `generate` shape, in order."""
        ...

    def sound(self) -> Sound | None:
        """The sound, or None where the plan makes none."""
        ...

    def spare(self) -> None:
        """Decode frames and sound with as little memory as can be from now on: what `frames`
        gives begins anew."""
        ...


class Backend(Protocol):
    """One resident model."""

    def run(
        self,
        plan: Plan,
        seed: int,
        conditions: Sequence[ConditionFrames],
        observer: Observer,
        given: Given | None = None,
    ) -> Made:
        """Prompt, conditions and denoising of a plan; `observer` is called at every step.

        given: what the clip is made from; what of it is held comes out as it went in.

        Raises OutOfMemory, GenerationFailed, and whatever the observer raises.
        """
        ...

    def foresee(self, plan: Plan, seed: int, observer: Observer) -> Foreseen:
        """Do the first stage of an open plan: write its prompt out, or choose its length.

        Raises OutOfMemory, GenerationFailed, ModelUnavailable `weights_missing`, and whatever the
        observer raises.
        """
        ...

    def peak_memory(self) -> int:
        """Bytes at the highest point: of the device's allocator, or of this process on a CPU."""
        ...

    def preview(self, latents: Any) -> Frames:
        """A small picture (h, w, 3) of the middle of a clip, from `Progress.latents` of a step."""
        ...

    def recover(self) -> None:
        """Let go of what a run that failed has left behind; the model stays."""
        ...

    def close(self) -> None:
        """Give the model's memory back; the backend must not be used afterwards."""
        ...
