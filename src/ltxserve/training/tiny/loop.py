"""The resumable training loop: steps, schedule, checkpoints, a log of losses.

It knows no model and no data.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch


class Job(Protocol):
    """What can be trained: a step by number (equal numbers see equal data), and its state."""

    name: str
    steps: int

    def step(self, number: int, scale: float) -> dict[str, float]:
        """One update with the learning rates scaled; returns what to log."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything needed to go on."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        ...

    def sample(self, folder: Path, number: int) -> None:
        """Write a picture of what has been learned so far."""
        ...


@dataclass
class Run:
    """Where and how long to train: at most `minutes`, a checkpoint every `save_every` seconds."""

    folder: Path
    minutes: float = 1e9
    save_every: float = 180.0
    warmup: int = 50
    cooldown: float = 0.3
    on_step: Callable[[str, int, int, dict[str, float]], None] | None = None
    started: float = field(default_factory=time.monotonic)

    def expired(self) -> bool:
        """Whether the minutes are used up."""
        return time.monotonic() - self.started > self.minutes * 60

    def scale(self, number: int, steps: int) -> float:
        """Learning-rate factor: linear warm-up, flat, linear cool-down over the last part."""
        rising = min(1.0, (number + 1) / self.warmup)
        falling = min(1.0, max(0.02, (steps - number) / (self.cooldown * steps)))
        return rising * falling


def checkpoint_path(run: Run, job: Job) -> Path:
    """Where a job's state lies."""
    return run.folder / f"{job.name}.pt"


def save_whole(data: dict[str, Any], path: Path) -> None:
    """Write tensors to a file that appears whole, and on the disk, or not at all."""
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        torch.save(data, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def train(job: Job, run: Run) -> bool:
    """Train until the job's steps are done (True) or the run's minutes are up (False).

    Picks up where the last run of the same job in the same folder stopped.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    number = first = _resume(run, job)
    saved_at = time.monotonic()
    with (run.folder / f"{job.name}.jsonl").open("a", encoding="utf-8") as log:
        while number < job.steps and not run.expired():
            values = job.step(number, run.scale(number, job.steps))
            number += 1
            log.write(json.dumps({"step": number, "time": round(time.time(), 1), **values}) + "\n")
            if run.on_step:
                run.on_step(job.name, number, job.steps, values)
            if time.monotonic() - saved_at > run.save_every:
                log.flush()
                _keep(run, job, number)
                saved_at = time.monotonic()
    if number > first or not checkpoint_path(run, job).exists():
        _keep(run, job, number)
    return number >= job.steps


def _resume(run: Run, job: Job) -> int:
    """Take up the last checkpoint; the number of steps that are done."""
    if not checkpoint_path(run, job).exists():
        return 0
    saved = torch.load(checkpoint_path(run, job), map_location="cpu", weights_only=False)
    job.restore(saved["state"])
    return saved["number"]


def _keep(run: Run, job: Job, number: int) -> None:
    save_whole({"number": number, "state": job.state()}, checkpoint_path(run, job))
    job.sample(run.folder, number)
