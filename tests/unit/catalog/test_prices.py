"""The price file: complete, consistent, and refused when it is not."""

import copy
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import pytest

from ltxserve.catalog.prices import load_prices, read_prices
from ltxserve.catalog.spec import Variant
from ltxserve.errors import ConfigurationError, LtxserveError

PRICES = load_prices()
FILE = resources.files("ltxserve.catalog") / "prices.toml"


def broken(change: Any) -> dict[str, Any]:
    data = copy.deepcopy(tomllib.loads(FILE.read_text("utf-8")))
    change(data)
    return data


def test_the_three_lists_are_there():
    assert list(PRICES.lists) == ["table", "per-second", "free"]
    assert PRICES.price_list("free").is_free
    assert not PRICES.price_list("table").is_free


def test_every_variant_has_a_price_in_every_size():
    for listed in PRICES.lists.values():
        if not listed.is_free:
            rows = [listed.row(v, size) for v in get_args(Variant) for size in PRICES.sizes]
            assert all(rows), listed.name


def test_sizes_hold_their_pictures_either_way_round():
    assert PRICES.size_of(192 * 192) == "720p"
    assert PRICES.size_of(1280 * 720) == PRICES.size_of(720 * 1280) == "720p"
    assert PRICES.size_of(1920 * 1080) == PRICES.size_of(1920 * 1088) == "1080p"
    assert PRICES.size_of(3840 * 2160) == "2160p"
    assert PRICES.size_of(7680 * 4320) is None


def test_an_unknown_list_is_refused_with_the_known_ones():
    with pytest.raises(LtxserveError) as refusal:
        PRICES.price_list("gold")
    assert refusal.value.code == "unknown_price_list"
    assert "per-second" in refusal.value.hint


def test_an_operator_can_bring_a_file(tmp_path: Path):
    own = tmp_path / "prices.toml"
    text = FILE.read_text("utf-8").replace("per_second = 3.0\npoints", "per_second = 7.0\npoints")
    own.write_text(text, "utf-8")
    row = load_prices(own).price_list("table").row("distilled", "720p")
    assert row is not None
    assert row.per_second == 7.0


def test_files_that_cannot_be_read_are_refused(tmp_path: Path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[sizes\n", "utf-8")
    for path in (bad, tmp_path / "none.toml"):
        with pytest.raises(ConfigurationError) as refusal:
            load_prices(path)
        assert refusal.value.code == "catalog_invalid"


BROKEN = {
    "unknown size": lambda d: d["lists"]["table"]["rows"][0].update(size="8k"),
    "row twice": lambda d: d["lists"]["table"]["rows"].append(d["lists"]["table"]["rows"][0]),
    "falling points": lambda d: d["lists"]["table"]["rows"][0]["points"].reverse(),
    "cheaper when longer": lambda d: d["lists"]["table"]["rows"][0]["points"][2].update(credits=1),
    "negative points": lambda d: d["lists"]["table"]["rows"][0]["points"][0].update(credits=-1),
    "negative rate": lambda d: d["lists"]["table"]["rows"][0].update(per_second=-1.0),
    "negative minimum": lambda d: d["lists"]["table"].update(minimum=-1),
    "unknown rounding": lambda d: d["lists"]["table"].update(rounding="up and down"),
    "unknown part": lambda d: d.update(discounts={}),
    "no sizes": lambda d: d.pop("sizes"),
    "tier without a name": lambda d: d["tiers"].pop("dev"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_inconsistent_prices_are_refused(what: str):
    with pytest.raises(ConfigurationError) as refusal:
        read_prices(broken(BROKEN[what]))
    assert refusal.value.code == "catalog_invalid"
