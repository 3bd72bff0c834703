"""Declared sizes are made once, those that a model cannot make are passed over with a word."""

import logging

import pytest

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.tuning import Tuning
from ltxserve.engine.engine import Engine
from ltxserve.engine.warming import warm_sizes
from ltxserve.errors import GenerationFailed, OutOfMemory
from tests.unit.engine.fakes import Loader


def engine(loader: Loader, *sizes: tuple[int, int, int]) -> Engine:
    return Engine(Placement(tuning=Tuning(warm_up=sizes)), create=loader)


def test_every_size_is_made_once(caplog: pytest.LogCaptureFixture):
    loader = Loader()
    with caplog.at_level(logging.INFO):
        warm_sizes(engine(loader, (128, 128, 9), (192, 128, 17)), "tiny")
    shapes = [ran[0].deliver for ran in loader.last.ran]
    assert [(s.width, s.height, s.num_frames) for s in shapes] == [(128, 128, 9), (192, 128, 17)]
    assert "warm at 192x128x17" in caplog.text


def test_without_sizes_nothing_is_made():
    loader = Loader()
    warm_sizes(engine(loader), "tiny")
    assert not loader.made


def test_a_size_that_the_model_cannot_make_is_passed_over(caplog: pytest.LogCaptureFixture):
    loader = Loader()
    warm_sizes(engine(loader, (9_999_999, 128, 9), (128, 128, 9)), "tiny")
    assert len(loader.last.ran) == 1
    assert "no warm-up of tiny at 9999999x128x9" in caplog.text


def test_where_memory_runs_out_a_worker_lives_on(caplog: pytest.LogCaptureFixture):
    def exhausted(step: int) -> None:
        raise OutOfMemory

    warm_sizes(engine(Loader(exhausted), (128, 128, 9)), "tiny")
    assert "no warm-up of tiny at 128x128x9" in caplog.text


def test_a_model_that_breaks_is_not_hidden():
    def broken(step: int) -> None:
        raise GenerationFailed("generation_failed", "It broke.", "")

    with pytest.raises(GenerationFailed):
        warm_sizes(engine(Loader(broken), (128, 128, 9)), "tiny")
