"""Names and types of files that are sent; the rest is tested over the wire in tests/api."""

import pytest

from ltxserve.api.content import File, disposition, suffix_of
from ltxserve.storage.base import Stored


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a b.mp4", "a b.mp4"), ('q".mp4', "q_.mp4"), ("a\r\nb", "a__b"), ("球.mp4", "_.mp4")],
)
def test_any_name_fits_into_a_header(name: str, plain: str):
    header = disposition(name, download=True)
    assert header.startswith(f'attachment; filename="{plain}"; filename*=UTF-8')
    assert header.isascii()
    assert header.isprintable()


@pytest.mark.parametrize(
    ("media_type", "suffix"), [("video/mp4", ".mp4"), ("image/JPEG; q=1", ".jpg"), ("text/x", "")]
)
def test_suffixes(media_type: str, suffix: str):
    assert suffix_of(media_type) == suffix


def test_the_links_type_wins():
    stored = Stored("k", 1, "video/mp4", None)
    assert File(stored, "a").type == "video/mp4"
    assert File(stored, "a", media_type="image/png").type == "image/png"
