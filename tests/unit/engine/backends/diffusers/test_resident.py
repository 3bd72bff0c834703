"""What resident models of both families share: texts read once, memory let go, nothing lost."""

from __future__ import annotations

import pytest
import torch

from ltxserve.engine.backends.base import Backend
from ltxserve.engine.backends.diffusers.failures import Watched
from ltxserve.engine.backends.diffusers.ltxv import LtxvBackend
from ltxserve.engine.backends.diffusers.resident import Resident
from ltxserve.engine.backends.diffusers.run import DiffusersBackend
from tests.tiny import Diary, backend, planned


@pytest.mark.parametrize("family", [DiffusersBackend, LtxvBackend])
def test_every_family_is_one(family: type):
    assert issubclass(family, Resident)
    own = {name for name in vars(family) if not name.startswith("_")}
    shared = {"peak_memory", "preview", "recover", "close"}
    assert shared <= set(vars(Backend))
    assert not own & shared


def test_a_text_is_read_once():
    resident = backend()
    resident.prompts.clear()
    calls: list[int] = []
    hook = resident.pipeline.text_encoder.register_forward_hook(lambda *args: calls.append(1))
    try:
        plan = planned(prompt="a ball nobody asked for yet")
        first = resident.read(plan, Watched(Diary()))
        read = len(calls)
        second = resident.read(plan, Watched(Diary()))
    finally:
        hook.remove()
    assert len(calls) == read > 0
    pairs = zip(first.arguments().values(), second.arguments().values(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs if isinstance(one, torch.Tensor))


def test_reading_is_told():
    diary = Diary()
    backend().read(planned(), Watched(diary))
    assert diary.steps("encode_prompt") == [(0, 1), (1, 1)]


def test_recovering_keeps_the_model():
    resident = backend()
    plan = planned(num_inference_steps=1)
    before = resident.run(plan, 1, (), Diary()).latents.video
    resident.recover()
    assert torch.equal(resident.run(plan, 1, (), Diary()).latents.video, before)
    assert resident.peak_memory() > 2**20
