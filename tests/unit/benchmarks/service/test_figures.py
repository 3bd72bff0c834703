"""Middle and tail of measurements."""

import pytest

from benchmarks.service.figures import Spread, per_cent


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        ([3.0], Spread(1, 3.0, 3.0)),
        ([4.0, 1.0, 3.0, 2.0], Spread(4, 2.5, 4.0)),
        ([float(number) for number in range(101)], Spread(101, 50.0, 95.0)),
    ],
)
def test_a_spread(values: list[float], spread: Spread):
    assert Spread.of(values) == spread


def test_what_people_read():
    assert Spread(2, 0.0125, 0.02).in_ms() == "median 12.5 ms, p95 20.0 ms (n=2)"
    assert (per_cent(1.03), per_cent(0.9)) == ("+3.0 %", "-10.0 %")
