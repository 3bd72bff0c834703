"""Without a cluster: a missing one is named with what to check. With one: tests/ray."""

import subprocess
import sys
from pathlib import Path

import pytest

from ltxserve.pool.base import PoolUnavailable
from ltxserve.pool.ray_cluster import Cluster
from ltxserve.pool.ray_seats import Address

ASKED = """
from ltxserve.errors import ModelUnavailable
from ltxserve.pool.base import WorkerSpec
from ltxserve.pool.create import create_pool
try:
    create_pool('ray://auto', WorkerSpec('json:loads'))
except ModelUnavailable as error:
    print(error.code, error.hint)
"""


def test_no_cluster_on_this_machine_is_said():
    pytest.importorskip("ray")
    cluster = Cluster(Address("auto"))
    with pytest.raises(PoolUnavailable) as refusal:
        cluster.connect()
    assert refusal.value.code == "pool_unavailable"
    assert "RAY_AUTH_TOKEN" in refusal.value.hint
    cluster.disconnect()


def test_a_missing_package_is_said(tmp_path: Path):
    (tmp_path / "ray.py").write_text("raise ImportError")
    asked = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{ASKED}"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout
    assert "backend_missing" in said
    assert "ltxserve[ray]" in said
