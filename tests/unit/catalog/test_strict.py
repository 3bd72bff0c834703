"""Strict reading: what a dataclass does not know is an error that names its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from ltxserve.catalog.strict import build
from ltxserve.errors import ConfigurationError


@dataclass(frozen=True)
class Wheel:
    size: float


@dataclass(frozen=True)
class Car:
    name: str
    wheels: tuple[Wheel, ...]
    kind: Literal["van", "bus"] = "van"
    seats: int | None = None
    rows: tuple[tuple[int, ...], ...] = ()
    extra: Mapping[str, Any] | None = None


GOOD = {"name": "a", "wheels": [{"size": 1}], "seats": 4, "rows": [[1], []]}


def test_nested_tables_become_nested_dataclasses():
    assert build(Car, GOOD, "car") == Car("a", (Wheel(1.0),), seats=4, rows=((1,), ()))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"nam": "b"}, "Did you mean name?"),
        ({"wheels": [{"size": "big"}]}, "car.wheels[0].size"),
        ({"wheels": {}}, "car.wheels"),
        ({"kind": "boat"}, "van, bus"),
        ({"seats": True}, "car.seats"),
        ({"wheels": [{"size": 1, "x": 2}]}, "car.wheels[0]"),
        ({"wheels": [{}]}, "size"),
    ],
)
def test_anything_else_is_refused_where_it_stands(change: dict[str, Any], place: str):
    with pytest.raises(ConfigurationError) as error:
        build(Car, {**GOOD, **change}, "car")
    assert place in str(error.value)
