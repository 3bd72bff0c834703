"""`python -m benchmarks.engine --gpu`: full-size models with random weights, seconds per clip.

By the engine, by diffusers' own pipelines in the same run (LTX-2 only), and against what nothing
but the arithmetic would take. Results go to out/full-size.json as they come.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention import AttentionModuleMixin
from torch import nn

from benchmarks.engine.bare import Plain
from benchmarks.engine.full import Measured, keep, machine, measure
from benchmarks.engine.weights import FULL, Told, engine_of
from benchmarks.engine.work import denoising_flops, floor_seconds
from benchmarks.service.figures import Spread
from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.upsampling import PARTS
from ltxserve.engine.backends.tuning import Tuning
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request
from ltxserve.types import GenerationRequest

Size = tuple[int, int, int]
FAST: tuple[Size, ...] = ((768, 512, 121), (1280, 704, 121), (1920, 1088, 121))
LONG: tuple[Size, ...] = ((1280, 704, 241), (1280, 704, 481), (1920, 1088, 241))
ROWS: tuple[tuple[str, tuple[Size, ...]], ...] = (
    ("ltx-2-19b-distilled-fp8", FAST),
    ("ltx-2-19b-distilled", FAST),
    ("ltxv-2b-0.9.8-distilled", ((1216, 704, 121),)),
    ("ltxv-13b-0.9.8-distilled", ((1216, 704, 121),)),
    ("ltx-2.5-22b-distilled", FAST[1:]),
    ("ltx-2.3-22b-distilled-fp8", FAST[1:]),
    ("ltx-2-19b-distilled-fp8", LONG),
)
"""What is asked of a service most, first: a run that is cut short has measured that."""


@dataclass(frozen=True)
class Compared:
    """engine, plain: seconds of each round, the latter of none where diffusers has no such run.
    floor: seconds that the arithmetic of denoising alone takes.
    """

    measured: Measured
    engine: Spread
    plain: Spread | None
    floor: float

    def line(self) -> str:
        """For people."""
        made = self.measured
        plain = "" if self.plain is None else f"; diffusers {self.plain.median:.2f} s"
        share = self.floor / max(made.stages.get("denoise", 0.0), 1e-9)
        held = f"{made.peak / 2**30:.1f} GiB ({made.off * 100:+.0f} % estimated)"
        return (
            f"{made.model} {made.size}: {self.engine.median:.2f} s{plain}; denoising at "
            f"{share * 100:.0f} % of the roof ({self.floor:.2f} s); {held}; {dict(made.stages)}"
        )


def compare(engine: Engine, request: GenerationRequest, rounds: int, told: Told = FULL) -> Compared:
    """The same clip by both, in turns, each round another prompt; the first round warms up."""
    backend: Any = engine.backend(request.model)
    spec, plan = backend.spec, engine.plan(request)
    plain = None
    if spec.family == "ltx2" and engine.placement.tuning.compiles == "off":
        upsampler = backend.upsamplers.modules.get(PARTS["upscale_spatial"])
        plain = Plain(backend.pipeline.components, upsampler)
    found: list[Measured] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "clip.mp4"
        for number in range(rounds + 1):
            asked = request.model_copy(update={"prompt": f"{request.prompt}, take {number}"})
            found.append(measure(engine, asked, path))
            if plain is not None and backend.residency.mode == "all":
                with as_it_comes(backend.pipeline.transformer):
                    begun = time.perf_counter()
                    plain.write(dataclasses.replace(plan, prompt=asked.prompt), path)
                    theirs.append(time.perf_counter() - begun)
    ours = sorted(found[1:], key=lambda each: each.seconds)
    return Compared(
        measured=ours[len(ours) // 2],
        engine=Spread.of([each.seconds for each in ours]),
        plain=Spread.of(theirs[1:]) if theirs else None,
        floor=floor_seconds(denoising_flops(plan, spec, told), spec.precision == "fp8"),
    )


@contextmanager
def as_it_comes(transformer: nn.Module) -> Iterator[None]:
    """Inside, it attends as diffusers does by itself."""
    layers: list[Any] = [m for m in transformer.modules() if isinstance(m, AttentionModuleMixin)]
    processors = [layer.processor for layer in layers]
    before = [getattr(each, "_attention_backend", None) for each in processors]
    for each in processors:
        each._attention_backend = None
    try:
        yield
    finally:
        for each, name in zip(processors, before, strict=True):
            each._attention_backend = name


def requests(rows: tuple[tuple[str, tuple[Size, ...]], ...]) -> Iterator[GenerationRequest]:
    """Those of the rows, in order; LTX-2 in two passes, 8 steps at half the size and 3 at all."""
    catalog = load_catalog()
    for model, sizes in rows:
        for width, height, frames in sizes:
            told = {"prompt": "a red ball", "model": model, "seed": 1, "num_frames": frames}
            twice = {"upscale": {"spatial": True}} if catalog.model(model).family == "ltx2" else {}
            yield parse_request({**told, "width": width, "height": height, **twice})


def run(rounds: int, only: str, tuning: Tuning) -> None:
    """All rows, or those whose model has a word in its name."""
    device = torch.device("cuda")
    print(f"{machine()}; {os.cpu_count()} CPU cores; {tuning.attention}, {tuning.compiles}")
    engine: Engine | None = None
    loaded = ""
    for request in requests(ROWS):
        if only not in request.model:
            continue
        if engine is None or loaded != request.model:
            if engine is not None:
                engine.close()
            spec = load_catalog().model(request.model)
            engine, loaded = engine_of(spec, Placement(tuning=tuning), device, FULL), spec.name
        found = compare(engine, request, rounds)
        print(found.line(), flush=True)
        keep([found.measured])


def main(words: list[str] | None = None) -> None:
    """Measure, where there is a GPU."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.engine --gpu", description=__doc__)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--only", default="", help="a word in the names of models")
    asked.add_argument("--attention", default="auto")
    asked.add_argument("--compile", default="off")
    told = asked.parse_args(words)
    if not torch.cuda.is_available():
        raise SystemExit("This needs a CUDA GPU; without --gpu, the built-in model is measured.")
    run(told.rounds, told.only, Tuning.of({"attention": told.attention, "compile": told.compile}))
