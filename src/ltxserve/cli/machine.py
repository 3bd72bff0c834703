"""What this machine has: devices, memory, disk, encoders, versions. Judges nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

Use = Literal["compute", "storage", "no"]
"""How a device can use a number format: calculate in it, only keep weights in it, or not at all."""

ENCODERS = {
    "libx264": "MP4 video",
    "aac": "MP4 sound",
    "libvpx-vp9": "WebM video",
    "libopus": "WebM sound",
    "gif": "GIF",
    "png": "PNG frames",
}
PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "accelerate",
    "safetensors",
    "av",
    "numpy",
    "pydantic",
)
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
CPU_FLAGS = Path("/proc/cpuinfo")

# First CUDA compute capability that calculates in the format (NVIDIA's architecture tables);
# older cards can still store weights in it. fp4 needs Blackwell, fp8 Ada or Hopper, bf16 Ampere.
CUDA_COMPUTE = {"fp32": (3, 5), "fp16": (5, 3), "bf16": (8, 0), "fp8": (8, 9), "fp4": (10, 0)}


@dataclass(frozen=True)
class Device:
    """A place to run on: kind (cuda, mps, cpu), name, memory in bytes, use of each format."""

    kind: str
    name: str
    memory_total: int
    memory_free: int
    formats: dict[str, Use]


@dataclass(frozen=True)
class Machine:
    """Everything the check-up found; encoders: name -> there; versions: package -> version."""

    system: str
    python: str
    cpu_count: int
    memory_total: int
    memory_free: int
    disk_path: str
    disk_free: int
    devices: tuple[Device, ...]
    encoders: dict[str, bool]
    versions: dict[str, str | None]


def look(disk_path: Path) -> Machine:
    """Read the machine once; imports torch if it is installed (the only slow part, seconds)."""
    total, free = memory(CGROUP_LIMIT)
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=sys.version.split()[0],
        cpu_count=usable_cpus(),
        memory_total=total,
        memory_free=free,
        disk_path=str(disk_path),
        disk_free=shutil.disk_usage(nearest_folder(disk_path)).free,
        devices=devices(find_torch(), total, free),
        encoders={name: has_encoder(name) for name in ENCODERS},
        versions={name: version(name) for name in PACKAGES},
    )


def find_torch() -> Any | None:
    """The torch module, or None where the light install lacks it or its libraries do not load."""
    try:
        import torch
    except (ImportError, OSError):  # OSError: a CUDA library the wheel needs is missing
        return None
    return torch


def devices(torch: Any | None, memory_total: int, memory_free: int) -> tuple[Device, ...]:
    """Every device torch can run on, best first; the CPU is always last. Empty without torch."""
    if torch is None:
        return ()
    found = [cuda_device(torch, index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        formats: dict[str, Use] = {"fp32": "compute", "fp16": "compute", "bf16": "compute"}
        formats |= {"fp8": "no", "fp4": "no"}
        found.append(Device("mps", "Apple GPU", memory_total, memory_free, formats))
    return (*found, Device("cpu", cpu_name(), memory_total, memory_free, cpu_formats()))


def cuda_device(torch: Any, index: int) -> Device:
    """One CUDA card; formats follow from its compute capability."""
    capability = tuple(torch.cuda.get_device_capability(index))
    free, total = torch.cuda.mem_get_info(index)
    return Device("cuda", torch.cuda.get_device_name(index), total, free, cuda_formats(capability))


def cuda_formats(capability: tuple[int, ...]) -> dict[str, Use]:
    """How a card of this compute capability can use each format."""
    return {
        name: "compute" if capability >= first else "storage"
        for name, first in CUDA_COMPUTE.items()
    }


def cpu_formats(flags_file: Path = CPU_FLAGS) -> dict[str, Use]:
    """CPUs calculate in fp32, and in bf16 where they have instructions for it."""
    flags = flags_file.read_text() if flags_file.is_file() else ""
    fast = any(flag in flags for flag in ("avx512_bf16", "amx_bf16", " bf16 "))
    bf16: Use = "compute" if fast else "storage"
    return {"fp32": "compute", "fp16": "storage", "bf16": bf16, "fp8": "storage", "fp4": "storage"}


def cpu_name(flags_file: Path = CPU_FLAGS) -> str:
    """The processor's name as its maker writes it."""
    lines = flags_file.read_text().splitlines() if flags_file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def usable_cpus() -> int:
    """Cores this process may use, which in a container can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory(limit_file: Path) -> tuple[int, int]:
    """Total and free bytes, cut to the container's limit where one is set."""
    seen = psutil.virtual_memory()
    text = limit_file.read_text().strip() if limit_file.is_file() else "max"
    if not text.isdigit():
        return seen.total, seen.available
    return min(seen.total, int(text)), min(seen.available, int(text))


def nearest_folder(path: Path) -> Path:
    """The path itself, or the first folder above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())


def has_encoder(name: str) -> bool:
    """Whether PyAV's FFmpeg can encode with this codec."""
    import av.codec

    try:
        av.codec.Codec(name, "w")
    except ValueError:  # PyAV's UnknownCodecError is one
        return False
    return True


def version(package: str) -> str | None:
    """The installed version, None where the package is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
