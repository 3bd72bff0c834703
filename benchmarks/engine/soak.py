"""`python -m benchmarks.engine.soak`: mixed requests on one engine, and what memory they leave.

Every kind that the built-in model can do takes its turn, with requests that are refused and runs
that are stopped between them.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request
from ltxserve.errors import Cancelled, RequestRefused
from ltxserve.media.thumbnail import save_image
from ltxserve.progress import Progress

SMALL: dict[str, Any] = {"prompt": "a red ball on grass", "num_frames": 17, "size": "128x128"}
FORMATS = ("mp4", "webm", "gif")
GOAL = 50 * 2**20  # bytes that 200 requests may leave behind


def kinds(folder: Path) -> Iterator[dict[str, Any]]:
    """Requests without end, every kind in turn; sources are made in the folder."""
    picture, video = folder / "picture.png", folder / "source.mp4"
    save_image(np.full((96, 128, 3), 90, np.uint8), picture)
    Engine().write(parse_request({**SMALL, "seed": 1}), video)
    first, last = {"source": str(picture)}, {"source": str(picture), "frame": -1}
    for number, more in enumerate(
        cycle(
            (
                {},
                {"conditions": [first]},
                {"conditions": [first, last]},
                {"guidance_scale": 3.0, "negative_prompt": "blue"},
                {"video_to_video": {"source": str(video), "strength": 0.6}},
                {"extend": {"source": str(video)}},
                {"audio": False, "low_vram": True},
                {"size": "160x128", "num_frames": 9 + 8 * 4},
                {"num_frames": 10**9},  # refused
            )
        )
    ):
        prompt = f"a blue star moves left, take {'ab'[number % 2]}"
        yield {**SMALL, "seed": number, "num_inference_steps": 2, **more, "prompt": prompt}


class Stopper:
    """Stops every eleventh run at its first step."""

    def __init__(self, number: int) -> None:
        self.stops = number % 11 == 10

    def __call__(self, progress: Progress) -> None:
        """See Observer."""
        if self.stops and progress.stage == "denoise" and progress.step == 1:
            raise Cancelled()


def soak(requests: int, warm: int) -> tuple[int, int, int]:
    """Bytes resident after `warm` requests and after all of them; how many gave a clip."""
    made = resident = 0
    with tempfile.TemporaryDirectory(prefix="soak-") as name, Engine() as engine:
        folder = Path(name)
        for number, fields in enumerate(islice(kinds(folder), warm + requests)):
            if number == warm:
                resident = _resident()
            path = folder / f"clip.{FORMATS[number % len(FORMATS)]}"
            with suppress(RequestRefused, Cancelled):
                engine.write(parse_request(fields), path, Stopper(number))
                made += 1
        return resident, _resident(), made


def _resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


def main() -> None:
    """Run, and exit with 1 where more was left behind than the goal allows."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.engine.soak", description=__doc__)
    asked.add_argument("--requests", type=int, default=200)
    asked.add_argument("--warm", type=int, default=40, help="requests before the first look")
    told = asked.parse_args()
    print(f"{os.cpu_count()} CPU cores, load {os.getloadavg()[0]:.1f}")
    before, after, made = soak(told.requests, told.warm)
    grown = after - before
    print(f"{told.requests} requests after {told.warm} to warm up, {made} clips in all")
    print(f"resident {before / 2**20:.0f} MiB before, {after / 2**20:.0f} MiB after")
    print(f"grown by {grown / 2**20:.1f} MiB; goal: at most {GOAL / 2**20:.0f} MiB")
    raise SystemExit(grown > GOAL)


if __name__ == "__main__":
    main()
