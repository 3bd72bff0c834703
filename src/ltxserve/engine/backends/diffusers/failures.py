"""Translates a device's errors into ours, and lets an observer's own pass; knows no model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ltxserve.errors import GenerationFailed, OutOfMemory
from ltxserve.progress import Observer, Progress

# What CPU and MPS allocators say; CUDA has an exception of its own.
_EXHAUSTED = ("not enough memory", "can't allocate memory", "out of memory")
# After these a process can no longer use its device: every later call fails, whatever it is.
_BROKEN = (
    "cuda error:",
    "hip error:",
    "cudnn_status_execution_failed",
    "cublas_status_execution_failed",
    "cublas_status_not_initialized",
    "device-side assert",
    "illegal memory access",
)
_LONGEST = 200


class Watched:
    """An observer that remembers its stage, and what it raised: that is not the device's doing."""

    def __init__(self, observer: Observer, stage: str = "load") -> None:
        self.stage = stage
        self.raised: BaseException | None = None
        self._observer = observer

    def __call__(self, progress: Progress) -> None:
        self.stage = progress.stage
        try:
            self._observer(progress)
        except BaseException as error:
            self.raised = error
            raise


@contextmanager
def device_errors(watched: Watched) -> Iterator[None]:
    """Inside, running out of memory is OutOfMemory, whatever the device calls it.

    Any other error of torch is GenerationFailed and names the stage; errors of our own and those
    of the observer pass.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if error is watched.raised:
            raise
        if is_exhausted(error):
            raise OutOfMemory() from error
        first = (str(error).splitlines() or [type(error).__name__])[0][:_LONGEST]
        if is_broken(error):
            raise GenerationFailed(
                "device_broken",
                f"The device broke while it was busy with {watched.stage}: {first}",
                "The process has to be started again; if it stays, look at the driver's log.",
            ) from error
        raise GenerationFailed(
            "generation_failed",
            f"The run broke while it was busy with {watched.stage}: {first}",
            "Run `ltxserve doctor`; if the device is fine, this is a bug worth reporting.",
        ) from error


def is_exhausted(error: BaseException) -> bool:
    """Whether an error means that memory ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        sign in str(error).lower() for sign in _EXHAUSTED
    )


def is_broken(error: BaseException) -> bool:
    """Whether an error means that this process has lost its device for good."""
    if is_exhausted(error) or not isinstance(error, RuntimeError):
        return False
    return any(sign in str(error).lower() for sign in _BROKEN)
