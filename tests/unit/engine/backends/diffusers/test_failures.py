"""A device's errors in our words; an observer's own errors as they are."""

import pytest
import torch

from ltxserve.engine.backends.diffusers.failures import (
    Watched,
    device_errors,
    is_broken,
    is_exhausted,
)
from ltxserve.errors import Cancelled, GenerationFailed, LtxserveError, OutOfMemory
from ltxserve.progress import NullObserver, Progress

CPU = "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried"
MPS = "MPS backend out of memory (MPS allocated: 8.00 GB, max allowed: 9.07 GB)"


class Clumsy:
    """An observer that breaks."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, progress: Progress) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError(CPU),
        RuntimeError(MPS),
    ],
)
def test_running_out_of_memory_has_one_name(error: Exception):
    assert is_exhausted(error)
    with pytest.raises(OutOfMemory) as caught, device_errors(Watched(NullObserver())):
        raise error
    assert caught.value.__cause__ is error


def test_the_allocator_of_this_machine_is_understood():
    with pytest.raises(OutOfMemory), device_errors(Watched(NullObserver())):
        torch.empty(2**60, dtype=torch.uint8)


def test_other_errors_of_torch_name_the_stage():
    watched = Watched(NullObserver())
    watched(Progress("denoise", 1, 8))
    with pytest.raises(GenerationFailed) as caught, device_errors(watched):
        torch.matmul(torch.zeros(2), torch.zeros(3))
    assert caught.value.code == "generation_failed"
    assert "denoise" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "error", [RuntimeError("out of memory, says the observer"), Cancelled(), KeyboardInterrupt()]
)
def test_what_an_observer_raises_passes(error: BaseException):
    watched = Watched(Clumsy(error))
    with pytest.raises(type(error)) as caught, device_errors(watched):
        watched(Progress("denoise", 1, 8))
    assert caught.value is error


def test_our_own_errors_pass():
    error = LtxserveError("media_unreadable", "No.")
    with pytest.raises(LtxserveError) as caught, device_errors(Watched(NullObserver())):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: an illegal memory access was encountered\nCompile with TORCH_USE_CUDA_DSA",
        "CUDA error: device-side assert triggered",
        "CUDA error: unspecified launch failure",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
    ],
)
def test_a_lost_device_is_told_from_a_failed_run(text: str):
    error = RuntimeError(text)
    assert is_broken(error)
    with pytest.raises(GenerationFailed) as caught, device_errors(Watched(NullObserver())):
        raise error
    assert caught.value.code == "device_broken"
    assert text.splitlines()[0] in caught.value.message


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA error: out of memory"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("CUDA error: said by somebody else"),
    ],
)
def test_other_errors_leave_the_device_whole(error: Exception):
    assert not is_broken(error)
