"""Log-mel pictures: the built-in model's as it was trained, LTX-2's as published."""

import math

import pytest
import torch

from ltxserve.catalog import load_catalog
from ltxserve.catalog.spec import Mel
from ltxserve.engine.backends.diffusers.mel import Grid, filters, log_mel
from ltxserve.training.tiny.mel import log_mel as as_trained

TINY = Grid(16000, 160, 32)
LTX2 = Grid(16000, 160, 64)


def tone(hertz: float, seconds: float = 1.0) -> torch.Tensor:
    times = torch.arange(round(seconds * 16000)) / 16000
    return torch.sin(math.tau * hertz * times)[None]


def test_the_built_in_model_sees_what_it_was_trained_on():
    sound = tone(440) * 0.3 + torch.rand(1, 16000, generator=torch.Generator().manual_seed(1)) * 0.1
    trained = as_trained(sound)
    seen = log_mel(sound, load_catalog().model("tiny").mel, TINY)
    assert torch.allclose(seen[:, : trained.shape[1]], trained, atol=1e-5)


def test_slaneys_filters():
    bank = filters(Mel(), LTX2)
    assert bank.shape == (64, 513)
    assert bank.sum(dim=1).min() > 0
    # Equal area: the sum over hertz of a triangle of height 2 / width is 1.
    area = bank.sum(dim=1) * (8000 / 512)
    assert area[20:].numpy() == pytest.approx(1, abs=0.03)


def test_a_tone_is_seen_at_its_place_in_both():
    for mel, grid in ((load_catalog().model("tiny").mel, TINY), (Mel(), LTX2)):
        peaks = [int(log_mel(tone(hertz), mel, grid)[0, 50].argmax()) for hertz in (200, 800, 3000)]
        assert peaks == sorted(set(peaks))


def test_silence_is_the_floor():
    seen = log_mel(torch.zeros(2, 3200), Mel(), LTX2)
    assert seen.shape == (2, 21, 64)
    assert (seen == math.log(1e-5)).all()


def test_a_sound_shorter_than_a_window():
    assert log_mel(torch.zeros(1, 10), Mel(), LTX2).isfinite().all()
