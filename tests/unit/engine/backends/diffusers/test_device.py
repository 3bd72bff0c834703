"""The device that was asked for or the best one here, and how much memory it took."""

import os
from typing import Literal

import numpy as np
import pytest
import torch

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.device import (
    choose_device,
    choose_dtype,
    free_memory,
    peak_memory,
    process_peak,
)
from ltxserve.errors import ModelUnavailable

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
GPUS: tuple[Literal["cuda", "mps"], ...] = ("cuda", "mps")


def is_here(name: str) -> bool:
    return torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()


def test_the_cpu_is_always_there():
    assert choose_device(Placement("cpu")) == CPU


def test_auto_takes_the_best_device():
    best = next((name for name in GPUS if is_here(name)), "cpu")
    assert choose_device(Placement()).type == best


@pytest.mark.parametrize("name", GPUS)
def test_a_device_that_is_not_here_is_refused(name: Literal["cuda", "mps"]):
    if is_here(name):
        assert choose_device(Placement(name)).type == name
        return
    with pytest.raises(ModelUnavailable) as caught:
        choose_device(Placement(name))
    assert (caught.value.code, caught.value.field) == ("backend_missing", "device")


@pytest.mark.skipif(is_here("cuda"), reason="the GPU of this machine can be used")
def test_a_gpu_with_an_old_driver_is_not_passed_over():
    def old() -> None:
        # The words of PyTorch 2.13 (c10/cuda/CUDAFunctions.cpp).
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 12080).")

    def none() -> None:
        raise RuntimeError("Found no NVIDIA driver on your system.")

    with pytest.raises(ModelUnavailable) as caught:
        choose_device(Placement(), old)
    assert "driver is too old" in caught.value.message
    assert choose_device(Placement("cpu"), old) == CPU
    assert choose_device(Placement(), none).type in ("cpu", "mps")


def test_arithmetic():
    assert choose_dtype(Placement(dtype="float16"), CPU, small=True) == torch.float16
    assert choose_dtype(Placement(), CPU, small=False) == torch.float32
    assert choose_dtype(Placement(), CUDA, small=False) == torch.bfloat16
    assert choose_dtype(Placement(), CUDA, small=True) == torch.float32


def test_the_peak_counts_what_was_held_and_let_go():
    before = process_peak()
    held = np.ones(before // 8 + 2**24, np.float64)  # more than was ever held
    size = held.nbytes
    del held
    assert process_peak() >= size
    assert peak_memory(CPU) == process_peak()


def test_freeing_is_harmless_where_there_is_nothing_to_free():
    free_memory(CPU)
    assert os.getpid()
