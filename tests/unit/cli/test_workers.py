"""`ltxserve workers`: only Ray's outlive the service."""

from pathlib import Path

import pytest

from tests.unit.cli.service import Operator


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path, monkeypatch)


def test_a_local_pools_workers_end_with_the_service(operator: Operator):
    assert operator.refused("workers", "dismiss") == "not_supported"


def test_a_cluster_that_is_not_there_is_said(operator: Operator, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("LTXSERVE_POOL", "ray://auto")
    assert operator.refused("workers", "dismiss") == "pool_unavailable"


def test_a_pool_that_cannot_be_read_is_refused(operator: Operator, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("LTXSERVE_POOL", "ray://nowhere")
    assert operator.refused("workers", "dismiss") == "settings_invalid"
