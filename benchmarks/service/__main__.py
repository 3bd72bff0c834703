"""`python -m benchmarks.service`: measures the service on this machine and prints its figures."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

# One thread for whatever is compared, so that neither side has more of the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.service import enqueueing, overhead, starting, telling
from benchmarks.service.figures import per_cent
from benchmarks.service.server import serving

PARTS = ("enqueue", "start", "events", "overhead")
CLIP: dict[str, Any] = {"prompt": "a red ball moves to the right", "seed": 1}


def main() -> None:
    """Run the parts that were asked for."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__)
    asked.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; none = all")
    asked.add_argument("--jobs", type=int, default=200, help="submissions of `enqueue`")
    asked.add_argument("--starts", type=int, default=30, help="jobs of `start`")
    asked.add_argument("--listeners", type=int, default=200)
    asked.add_argument("--events", type=int, default=100, help="events of each listener")
    asked.add_argument("--rounds", type=int, default=5, help="jobs of `overhead`")
    asked.add_argument("--frames", type=int, default=97, help="of the clip of `overhead`")
    asked.add_argument("--size", default="256x256", help="of the clip of `overhead`")
    told = asked.parse_args()
    told.parts = told.parts or list(PARTS)
    if not set(told.parts) <= set(PARTS):
        asked.error(f"there are only {', '.join(PARTS)}")
    clip = {**CLIP, "num_frames": told.frames, "size": told.size}
    print(f"{os.cpu_count()} CPU cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        if "enqueue" in told.parts:
            _show_enqueueing(enqueueing.measure(folder / "enqueue", told.jobs))
        if "events" in told.parts:
            _show_telling(telling.measure(folder / "events", told.listeners, told.events))
        if {"start", "overhead"} & set(told.parts):
            with serving(folder / "whole") as server:
                if "start" in told.parts:
                    _show_starting(starting.measure(server, told.starts))
                if "overhead" in told.parts:
                    _show_overhead(overhead.measure(server, clip, told.rounds))


def _show_enqueueing(found: enqueueing.Enqueueing) -> None:
    print(f"submission, one caller: {found.one.in_ms()}; {1 / found.one.median:.0f}/s")
    print(f"submissions, {found.callers} callers: {found.rate:.0f}/s")


def _show_starting(found: starting.Starting) -> None:
    print(f"from the row to the claim, idle worker: {found.inside.in_ms()}")
    print(f"from the call to the event `running`: {found.outside.in_ms()}")


def _show_telling(found: telling.Telling) -> None:
    print(f"events to {found.listeners} listeners: {found.rate:.0f}/s in all")
    print(f"an event is late by, at {found.pace:g} a second: {found.late.in_ms()}")


def _show_overhead(found: overhead.Overhead) -> None:
    print(f"Engine.generate {found.bare.median:.2f} s, Engine.write {found.file.median:.2f} s,")
    print(f"job {found.job.median:.2f} s (medians, n={found.job.count}): {per_cent(found.share)}")
    print(f"over Engine.write: {per_cent(found.share_of_file)}")
    print(f"beyond the engine's stages: {found.beyond.in_ms()}; {per_cent(found.share_beyond)}")


if __name__ == "__main__":
    main()
