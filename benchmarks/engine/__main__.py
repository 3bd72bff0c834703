"""`python -m benchmarks.engine`: a clip by the engine, and by diffusers with its own export."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine.bare import Bare
from benchmarks.service.figures import Spread, per_cent
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request
from ltxserve.types import GenerationRequest


@dataclass(frozen=True)
class Compared:
    """Seconds of both, and the median of each round's engine time over its bare time."""

    engine: Spread
    bare: Spread
    ratio: float


def compare(request: GenerationRequest, rounds: int) -> Compared:
    """The same clip by both in turns, in another order each time; the first round warms up."""
    engine, bare = Engine(), Bare()
    plan = engine.plan(request)
    times: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "clip.mp4"
        sides = [lambda: engine.write(request, path), lambda: bare.write(plan, path)]
        for number in range(rounds + 1):
            taken = {}
            for side in (0, 1) if number % 2 else (1, 0):
                begun = time.monotonic()
                sides[side]()
                taken[side] = time.monotonic() - begun
            if number:
                times.append((taken[0], taken[1]))
    ratio = Spread.of([ours / theirs for ours, theirs in times]).median
    return Compared(*(Spread.of(column) for column in zip(*times, strict=True)), ratio=ratio)


def main() -> None:
    """Compare, and print the figures."""
    if "--gpu" in sys.argv:
        from benchmarks.engine import gpu  # late: it brings what only full-size models need

        gpu.main([word for word in sys.argv[1:] if word != "--gpu"])
        return
    asked = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    asked.add_argument("--gpu", action="store_true", help="full-size models; --gpu --help")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--frames", type=int, default=49)
    asked.add_argument("--size", default="256x256")
    asked.add_argument("--guidance", type=float, default=1.0)
    told = asked.parse_args()
    request = parse_request(
        {
            "prompt": "a red ball moves to the right",
            "seed": 1,
            "num_frames": told.frames,
            "size": told.size,
            "guidance_scale": told.guidance,
        }
    )
    print(f"{os.cpu_count()} CPU cores, load {os.getloadavg()[0]:.1f}")
    found = compare(request, told.rounds)
    print(f"Engine.write: {found.engine.in_ms()}")
    print(f"diffusers and its export: {found.bare.in_ms()}")
    print(f"ratio {found.ratio:.2f} ({per_cent(found.ratio)})")


if __name__ == "__main__":
    main()
