"""Makes clips on models with random weights and measures them: seconds by stage, memory by stage.

Knows no test and no table; both use it, on a GPU at full size and on a CPU with small ones.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ltxserve.engine.backends.diffusers.decode import Window, window_for
from ltxserve.engine.backends.diffusers.residency import TEXT
from ltxserve.engine.clip import ClipFile
from ltxserve.engine.engine import Engine
from ltxserve.engine.geometry import FRAME_STEP
from ltxserve.engine.plan import Plan
from ltxserve.engine.plan.memory import whole_decode_bytes
from ltxserve.progress import Progress
from ltxserve.types import GenerationRequest

WORKING = ("latents", "denoise", "decode", "frames", "runtime", "adapters")
"""What of a plan's figures are no weights."""
RESULTS = Path("out/full-size.json")


class Meter:
    """An observer that notes the most that the device's allocator has held in every stage.

    On a CPU nothing tells, and nothing is noted.
    """

    def __init__(self, device: torch.device) -> None:
        self.peaks: dict[str, int] = {}
        self.finite = True
        self._device = device
        self._stage = "load"
        self._reset()

    def __call__(self, progress: Progress) -> None:
        """See Observer."""
        if isinstance(progress.latents, torch.Tensor):
            self.finite = self.finite and bool(progress.latents.isfinite().all())
        if progress.stage != self._stage:
            self.note()
            self._stage = progress.stage

    def note(self) -> None:
        """The stage that is under way ends here, or the run does."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)  # so that seconds belong to their stage, too
            held = torch.cuda.max_memory_allocated(self._device)
            self.peaks[self._stage] = max(held, self.peaks.get(self._stage, 0))
            self._reset()

    @property
    def peak(self) -> int:
        """The most of all stages but loading."""
        return max((held for stage, held in self.peaks.items() if stage != "load"), default=0)

    def _reset(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)


@dataclass(frozen=True)
class Measured:
    """One clip. seconds: of the run, without loading. estimated: bytes that the plan says, where it
    ran as it did; total: what the plan says by itself. peak: bytes that the allocator held, 0 on
    a CPU. mode: which parts stayed on the device. finite: whether the latents were numbers.
    """

    model: str
    size: str
    seconds: float
    stages: Mapping[str, float]
    estimated: int
    total: int
    peak: int
    peaks: Mapping[str, int]
    mode: str
    tiled: bool
    finite: bool
    warnings: tuple[str, ...]

    @property
    def off(self) -> float:
        """How far the estimate is from what was measured, as a share of it."""
        return self.estimated / self.peak - 1 if self.peak else 0.0

    def line(self) -> str:
        """For people."""
        stages = ", ".join(f"{name} {took:.2f}" for name, took in self.stages.items())
        gib = f"{self.estimated / 2**30:.1f} GiB estimated, {self.peak / 2**30:.1f} measured"
        return f"{self.model} {self.size}: {self.seconds:.2f} s ({stages}); {gib}, {self.mode}"


def measure(engine: Engine, request: GenerationRequest, path: Path) -> Measured:
    """Make a clip into a file, and say what it took."""
    backend: Any = engine.backend(request.model)
    meter = Meter(backend.device)
    begun = time.perf_counter()
    made = engine.write(request, path, meter)
    meter.note()
    took = time.perf_counter() - begun
    return _measured(made, meter, backend, took)


def _measured(made: ClipFile, meter: Meter, backend: Any, took: float) -> Measured:
    plan, shape = made.plan, made.plan.deliver
    estimated, window = expected_bytes(plan, backend)
    return Measured(
        model=plan.model,
        size=f"{shape.width}x{shape.height}x{shape.num_frames}",
        seconds=took,
        stages={name: round(value, 3) for name, value in made.timings.items()},
        estimated=estimated,
        total=plan.memory.peak,
        peak=meter.peak,
        peaks=dict(meter.peaks),
        mode=backend.residency.mode,
        tiled=window.tiled,
        finite=meter.finite,
        warnings=made.warnings,
    )


def expected_bytes(plan: Plan, backend: Any) -> tuple[int, Window]:
    """What the plan's figures come to with the parts that were on the device and the window that
    was chosen there; the runtime, which no allocator counts, left out.
    """
    parts, each = plan.memory.components, backend.pipeline.vae.dtype.itemsize
    window = window_for(plan, backend.residency.room(parts["latents"]), each)
    decoding = parts["decode"] + parts["frames"]
    if not window.tiled:
        shape = plan.generate
        frames = min(shape.num_frames, (window.length - 1) * FRAME_STEP + 1)
        decoding = whole_decode_bytes(plan.memory, shape, frames, each)
    gone = {*WORKING, *(() if backend.residency.mode == "all" else (TEXT,))}
    weights = sum(held for name, held in parts.items() if name not in gone)
    working = max(parts["denoise"], decoding)
    return weights + parts["latents"] + working, window


def keep(rows: list[Measured], path: Path = RESULTS) -> None:
    """Add rows to a file of JSON, each under its model and size; later ones take their place."""
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for row in rows:
        known[f"{row.model} {row.size}"] = {**dataclasses.asdict(row), "machine": machine()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1), "utf-8")


def machine() -> str:
    """The GPU, or the processor, and PyTorch's version."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return f"{name}, PyTorch {torch.__version__}"
