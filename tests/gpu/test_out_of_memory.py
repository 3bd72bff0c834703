"""After memory ran out and the ladder was walked, the model holds what it held before."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from benchmarks.engine.full import Meter
from ltxserve.engine.clip import Clip
from ltxserve.engine.engine import Engine
from ltxserve.errors import OutOfMemory
from ltxserve.types import GenerationRequest
from tests.gpu.models import Bench, Case
from tests.memory import Allocations

NAMES = ("ltxv-2b-0.9.8-distilled", "ltx-2-19b-distilled-fp8")
ALL = [
    pytest.param(case, id=case.name, marks=[pytest.mark.gpu] if case.full else [])
    for full in (False, True)
    for case in (Case(name, 1280, 704, full, upscaled="19b" in name) for name in NAMES)
]
MIB = 2**20


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@contextmanager
def scarce(device: torch.device, room: int) -> Iterator[Allocations | None]:
    """Inside, no more than `room` bytes beside what is held (CPU: no tensor larger than that)."""
    if device.type != "cuda":
        with Allocations(room) as limited:
            yield limited
        return
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    allowed = torch.cuda.memory_reserved(device) + room
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total), device)
    try:
        yield None
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def held(device: torch.device) -> int:
    """Bytes of tensors that live."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return torch.cuda.memory_allocated(device)
    alive = [each for each in gc.get_objects() if isinstance(each, torch.Tensor)]
    return sum({each.untyped_storage().data_ptr(): each.nbytes for each in alive}.values())


@pytest.mark.parametrize("case", ALL)
def test_memory_is_the_same_after_it_ran_out(case: Case, bench: Bench):
    if case.full and case.device.type != "cuda":
        pytest.skip("needs a CUDA GPU")
    engine, device = bench.engine(case), case.device
    modest = case.request(num_frames=9)
    wanted = engine.generate(modest).frames
    before = held(device)
    # Room for next to nothing. On a GPU the ladder finds some: all but what works leaves it.
    with scarce(device, 1024 if device.type == "cpu" else 16 * MIB):
        try:
            made = engine.generate(case.request())
        except OutOfMemory:
            made = None
    assert made is None or any("Memory ran out" in word for word in made.warnings)
    assert made is None or device.type == "cuda"
    assert held(device) < before + MIB
    del made
    assert np.array_equal(engine.generate(modest).frames, wanted)
    assert abs(held(device) - before) < MIB


@pytest.mark.parametrize("case", ALL)
def test_the_ladder_ends_in_a_clip_and_leaves_nothing(case: Case, bench: Bench):
    """Where all but decoding in large windows has room, frames are decoded in smaller ones."""
    if case.full and case.device.type != "cuda":
        pytest.skip("needs a CUDA GPU")
    engine, device = bench.engine(case), case.device
    request = case.request(num_frames=121, audio=False)  # small models' largest part is sound
    engine.generate(request)  # the prompt is read
    before = held(device)
    wanted, room = needing(engine, request, device, before)
    with scarce(device, room):
        made = engine.generate(request)
    assert made.frames.shape == wanted.frames.shape
    assert [word for word in made.warnings if "decoded in smaller pieces" in word]
    assert held(device) < before + MIB
    again = engine.generate(request)
    assert not again.warnings
    assert np.array_equal(again.frames, wanted.frames)
    assert abs(held(device) - before) < MIB


def needing(
    engine: Engine, request: GenerationRequest, device: torch.device, before: int
) -> tuple[Clip, int]:
    """The clip with all the room it wants, and a room that is too small for decoding it so."""
    if device.type != "cuda":
        with Allocations() as free:
            clip = engine.generate(request)
        return clip, int(free.largest * 0.9)
    meter = Meter(device)
    clip = engine.generate(request, meter)
    meter.note()
    needs = {stage: peak - before for stage, peak in meter.peaks.items()}
    decoding = needs.pop("decode_video")
    rest = max(needs.values())
    if decoding < 1.2 * rest:
        pytest.skip(f"decoding takes {decoding / MIB:.0f} MiB, the rest {rest / MIB:.0f}")
    return clip, (decoding + rest) // 2
