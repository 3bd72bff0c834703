"""Range headers as the standard reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.api.ranges import part_of
from ltxserve.errors import LtxserveError


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-4", (2, 5)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=9-100", (9, 10)),
        ("Bytes = 1 - 2", (1, 3)),
    ],
)
def test_a_range_names_bytes(header: str, span: tuple[int, int]):
    part = part_of(header, 10)
    assert part is not None
    assert (part.start, part.end) == span
    assert part.content_range == f"bytes {span[0]}-{span[1] - 1}/10"
    assert part.length == span[1] - span[0]


@pytest.mark.parametrize(
    "header", [None, "", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,4-5", "items=0-1", "bytes=²-"]
)
def test_what_is_no_single_range_means_the_whole_file(header: str | None):
    assert part_of(header, 10) is None


@pytest.mark.parametrize(
    ("header", "total"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_a_range_after_the_end_is_refused(header: str, total: int):
    with pytest.raises(LtxserveError) as refused:
        part_of(header, total)
    assert refused.value.code == "range_invalid"


@given(st.text(max_size=30), st.integers(0, 100))
def test_any_header_gives_a_part_inside_the_file_or_a_refusal(tail: str, total: int):
    try:
        part = part_of("bytes=" + tail, total)
    except LtxserveError:
        return
    assert part is None or 0 <= part.start < part.end <= total
