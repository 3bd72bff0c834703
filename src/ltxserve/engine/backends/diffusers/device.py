"""Chooses device and arithmetic, measures and frees a device's memory; knows no model."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from ltxserve.engine.backends.base import Placement
from ltxserve.errors import ModelUnavailable

_STATUS = Path("/proc/self/status")


def choose_device(
    placement: Placement, start: Callable[[], object] = torch.cuda.init
) -> torch.device:
    """The device that was asked for, or the best one here. start: wakes the GPU's driver.

    Raises ModelUnavailable `backend_missing` for one that is not here, and for a GPU whose driver
    is too old: a CPU in its place would take hours without a word.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if placement.device == "auto":
        _refuse_old_driver(available["cuda"], start)
        return torch.device(next(name for name, here in available.items() if here))
    if not available[placement.device]:
        raise ModelUnavailable(
            "backend_missing",
            f"This machine has no {placement.device} device that PyTorch can use.",
            "Choose another device, or auto; `ltxserve doctor` shows what there is.",
            "device",
        )
    return torch.device(placement.device)


def _refuse_old_driver(usable: bool, start: Callable[[], object]) -> None:
    if usable:
        return
    try:
        start()
    except (RuntimeError, AssertionError) as error:  # no GPU, no driver, or a build without CUDA
        if "too old" not in str(error):
            return
        raise ModelUnavailable(
            "backend_missing",
            f"The NVIDIA driver is too old for this PyTorch (CUDA {torch.version.cuda}).",
            "Update the driver, install PyTorch for the older CUDA, or choose the device cpu.",
            "device",
        ) from None


def choose_dtype(placement: Placement, device: torch.device, small: bool) -> torch.dtype:
    """The arithmetic that was asked for; else bfloat16 on CUDA, float32 elsewhere.

    small: a model for which float32 costs nothing that matters; it always gets it.
    """
    if placement.dtype != "auto":
        return getattr(torch, placement.dtype)
    return torch.bfloat16 if device.type == "cuda" and not small else torch.float32


def peak_memory(device: torch.device) -> int:
    """Bytes at the highest point: of the allocator on CUDA, of this process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return process_peak()


def process_peak() -> int:
    """The most bytes this process has held at once."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    if _STATUS.exists():
        # Not getrusage: a child that was forked from a large process starts with its peak there.
        line = next(s for s in _STATUS.read_text().splitlines() if s.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def free_memory(device: torch.device) -> None:
    """Give memory that no tensor uses any more back to the system."""
    gc.collect()  # pipelines and their modules refer to each other in circles
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    elif device.type == "mps":
        torch.mps.empty_cache()
