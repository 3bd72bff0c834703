"""A pool is chosen by its URL; what is no pool is refused with the choices."""

import pytest

from ltxserve.errors import ConfigurationError
from ltxserve.pool.base import WorkerSpec
from ltxserve.pool.create import create_pool


@pytest.mark.parametrize("url", ["", "lokal", "http://example.org", "ray", "runpod:abc"])
def test_what_is_no_pool_is_refused(url: str):
    with pytest.raises(ConfigurationError) as refusal:
        create_pool(url, WorkerSpec("json:loads"))
    assert refusal.value.code == "settings_invalid"
    assert "local" in refusal.value.hint
