"""Healthy is a worker that holds its folder."""

from pathlib import Path

from ltxserve.runpod.health import check
from ltxserve.service.scratch import Scratch


def test_a_worker_is_healthy_as_long_as_it_lives(tmp_path: Path):
    assert check(tmp_path) == 1
    scratch = Scratch(tmp_path)
    assert check(tmp_path) == 0
    scratch.close()
    assert check(tmp_path) == 1
