"""The URL of a Ray cluster: what it says, and what is refused."""

import pytest

from ltxserve.errors import ConfigurationError
from ltxserve.pool.ray_seats import Address


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
