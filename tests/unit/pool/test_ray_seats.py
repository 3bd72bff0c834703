"""The URL of a Ray cluster: what it says, and what is refused."""

import json
from dataclasses import asdict

import pytest

from ltxserve.errors import ConfigurationError
from ltxserve.pool.base import WorkerSpec
from ltxserve.pool.ray_seats import Address, dismiss
from tests.contracts import entries
from tests.contracts.desks import Cluster
from tests.contracts.pools import BRISK


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ray://head:10001", Address("ray://head:10001")),
        ("ray://auto?workers=4", Address("auto", 4)),
        ("ray://[::1]:10001/?namespace=mine", Address("ray://[::1]:10001", 0, "mine")),
    ],
)
def test_what_a_url_says(url: str, address: Address):
    assert Address.of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "ray://",
        "ray://head",
        "ray://head:x",
        "ray://head:10001/path",
        "ray://[:10001",
        "ray://auto?workers=-1",
        "ray://auto?gpus=1",
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(url: str):
    with pytest.raises(ConfigurationError) as refusal:
        Address.of(url)
    assert refusal.value.code == "settings_invalid"
    assert "ray://HOST:10001" in refusal.value.hint


def test_all_of_a_clusters_workers_are_dismissed():
    cluster = Cluster()
    spec = json.dumps(asdict(WorkerSpec(entries.NAME, devices=("cpu",), spare=False)))
    for name in ("a", "b"):
        cluster.desk(name, spec, json.dumps(asdict(BRISK)), gpu=False)
    assert dismiss(cluster) == 2
    assert (dismiss(cluster), cluster.names()) == (0, set())
    cluster.close()
