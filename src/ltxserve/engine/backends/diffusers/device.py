"""Chooses device and arithmetic, and translates a device's errors. It knows no model."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ltxserve.engine.backends.base import Placement
from ltxserve.errors import ModelUnavailable, OutOfMemory

# What CPU and MPS allocators say; CUDA has an exception of its own.
_EXHAUSTED = ("not enough memory", "can't allocate memory", "out of memory")


def choose_device(placement: Placement) -> torch.device:
    """The device that was asked for, or the best one here. Raises ModelUnavailable `backend_missing`."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if placement.device == "auto":
        return torch.device(next(name for name, here in available.items() if here))
    if not available[placement.device]:
        raise ModelUnavailable(
            "backend_missing",
            f"This machine has no {placement.device} device that PyTorch can use.",
            "Choose another device, or auto; `ltxserve doctor` shows what there is.",
            "device",
        )
    return torch.device(placement.device)


def choose_dtype(placement: Placement, device: torch.device, small: bool) -> torch.dtype:
    """The arithmetic that was asked for, or bfloat16 on CUDA and float32 elsewhere and for small models."""
    if placement.dtype != "auto":
        return getattr(torch, placement.dtype)
    return torch.bfloat16 if device.type == "cuda" and not small else torch.float32


def peak_memory(device: torch.device) -> int:
    """Bytes at the highest point: of the allocator on CUDA, of the process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextmanager
def memory_errors() -> Iterator[None]:
    """Inside, running out of memory is OutOfMemory, whatever the device calls it."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory() from error
    except RuntimeError as error:
        if any(sign in str(error).lower() for sign in _EXHAUSTED):
            raise OutOfMemory() from error
        raise
