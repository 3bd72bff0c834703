"""How much memory models have here, found without loading a model library."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Literal

from ltxserve.catalog import ModelSpec
from ltxserve.cli.machine import CGROUP_LIMIT, memory
from ltxserve.engine.plan import estimate_default

Fits = Literal["yes", "low_vram", "no"]


@dataclass(frozen=True)
class Room:
    """Bytes of main memory, and of the largest NVIDIA GPU (None = there is none)."""

    ram: int
    vram: int | None


def find_room() -> Room:
    """Ask the system and, where it is there, nvidia-smi."""
    total, _ = memory(CGROUP_LIMIT)
    return Room(ram=total, vram=gpu_memory(shutil.which("nvidia-smi")))


def gpu_memory(tool: str | None) -> int | None:
    """Bytes of the largest GPU by nvidia-smi, None where the tool is missing or finds none."""
    if tool is None:
        return None
    command = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    sizes = [int(line) for line in found.stdout.split() if line.isdigit()]
    return max(sizes) * 2**20 if sizes else None


def fits(spec: ModelSpec, room: Room) -> Fits:
    """Whether a model's default clip fits: whole, one part at a time, or not."""
    whole = estimate_default(spec).peak
    if whole <= (room.vram or room.ram):
        return "yes"
    if room.vram is None:
        return "no"
    parts = estimate_default(spec, low_vram=True).peak
    return "low_vram" if parts <= room.vram and whole <= room.ram + room.vram else "no"
