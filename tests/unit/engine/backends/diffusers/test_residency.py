"""Where parts are while stages run: by device and request, never by the request before."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ltxserve.engine.backends.diffusers.residency import (
    Residency,
    device_bytes,
    weight_bytes,
    working_bytes,
)
from ltxserve.engine.plan import MemoryEstimate, Plan
from tests.tiny import backend, engine, planned, request

SIZES = {
    "text_encoder": 25, "transformer": 40, "vae": 2, "audio_vae": 1, "vocoder": 1, "connectors": 1,
}  # fmt: skip
CORE = set(SIZES) - {"text_encoder"}
DEVICE = torch.device("meta")


class Part(nn.Module):
    """So many bytes; remembers where it was sent instead of going there."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size, dtype=torch.uint8), requires_grad=False)
        self.sent: list[str] = []

    def to(self, *args: Any, **kwargs: Any) -> "Part":
        self.sent.append(str(args[0]))
        return self


def residency(total: int | None) -> tuple[Residency, dict[str, Part]]:
    parts = {name: Part(size) for name, size in SIZES.items()}
    return Residency(parts, DEVICE, total), parts


def plan(working: int = 5, low_vram: bool = False) -> Plan:
    memory = MemoryEstimate({"denoise": working, "transformer": 40}, 99)
    return dataclasses.replace(planned(), memory=memory, low_vram=low_vram)


def course(made: Residency, request: Plan) -> list[set[str]]:
    """What is on the device in each stage of a request."""
    made.begin(request)
    seen = []
    for step in ("encode_prompt", "denoise", "decode"):
        made.enter(step)
        seen.append(set(made.here()))
    return seen


def test_with_room_everything_stays():
    made, parts = residency(100)
    made.settle()
    assert course(made, plan()) == [set(SIZES)] * 3
    assert all(part.sent == ["meta"] for part in parts.values())


def test_a_prompt_that_was_read_before_brings_no_encoder():
    made, _ = residency(78)
    made.settle()
    made.begin(plan())
    made.enter("denoise")
    assert set(made.here()) == CORE


def test_the_text_encoder_leaves_where_both_do_not_fit():
    made, _ = residency(78)
    made.settle()
    assert made.mode == "all"
    assert course(made, plan(working=20)) == [set(SIZES), CORE, CORE]
    assert made.mode == "text_out"


def test_small_devices_hold_what_a_stage_needs():
    made, _ = residency(50)
    made.settle()
    assert set(made.here()) == CORE
    seen = course(made, plan())
    assert made.mode == "parts"
    assert seen[0] == {"text_encoder"}
    assert seen[1] == {"transformer", "connectors", "vae", "audio_vae"}
    assert seen[2] == {"vae", "audio_vae", "vocoder"}


def test_low_vram_leaves_no_trace():
    made, _ = residency(200)
    made.settle()
    assert course(made, plan(low_vram=True))[0] == {"text_encoder"}
    assert made.mode == "parts"
    assert course(made, plan()) == [set(SIZES)] * 3
    assert made.mode == "all"


def test_a_request_that_broke_leaves_no_trace_either():
    made, _ = residency(200)
    made.settle()
    made.begin(plan(low_vram=True))
    made.enter("encode_prompt")  # and here it was cancelled
    assert course(made, plan()) == [set(SIZES)] * 3


def test_adapters_need_room_too():
    made, _ = residency(80)
    made.begin(plan())
    assert made.mode == "all"
    made.begin(plan(), adapters=10)
    assert made.mode == "text_out"


def test_nothing_stays_after_the_end():
    made, parts = residency(200)
    made.settle()
    made.leave()
    assert not made.here()
    assert all(part.sent[-1] == "cpu" for part in parts.values())


def test_a_cpu_keeps_everything():
    made, _ = residency(None)
    assert device_bytes(torch.device("cpu")) is None
    made.settle()
    assert course(made, plan(working=10**15, low_vram=True)) == [set(SIZES)] * 3


def test_sizes():
    assert weight_bytes(Part(7)) == 7
    memory = MemoryEstimate({"denoise": 5, "decode": 3, "frames": 4, "runtime": 2}, 0)
    assert working_bytes(memory) == 9


def test_the_real_model_makes_the_same_clip_after_low_vram():
    before = engine().generate(request(seed=3))
    frugal = engine().generate(request(seed=3, low_vram=True))
    after = engine().generate(request(seed=3))
    assert np.array_equal(before.frames, after.frames)
    assert np.array_equal(before.frames, frugal.frames)  # nine frames fit into its small window
    hooks = [m for m in backend().pipeline.transformer.modules() if m._forward_pre_hooks]
    assert not hooks
    assert backend().residency.mode == "all"


@pytest.mark.gpu
def test_on_a_gpu_low_vram_needs_less_and_leaves_nothing():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    engine().generate(request())
    used = torch.cuda.memory_allocated()
    engine().generate(request(low_vram=True))
    assert torch.cuda.memory_allocated() < used
    engine().generate(request())
    assert abs(torch.cuda.memory_allocated() - used) < 2**20


def test_room_is_what_the_parts_that_are_here_leave():
    made, _ = residency(100)
    made.begin(plan())
    made.enter("decode")
    assert made.room(held=5) == 95 - sum(SIZES.values()) - 5
    made.spare()
    made.enter("decode")
    assert (
        made.room(held=5) == 95 - sum(SIZES[name] for name in ("vae", "audio_vae", "vocoder")) - 5
    )


def test_sparing_is_for_one_request():
    made, _ = residency(100)
    before = course(made, plan())
    made.spare()
    assert made.mode == "parts"
    assert course(made, plan()) == before


def test_memory_that_is_the_machines_is_asked_for():
    made, _ = residency(None)
    made.begin(plan())
    made.spare()
    assert made.mode == "all"
    assert made.room(held=0) > 2**20
