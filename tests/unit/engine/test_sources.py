"""Sources are judged by their text alone."""

import pytest

from ltxserve.engine.sources import source_kind, source_problem


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("a.PNG", "image"),
        ("dir.x/a.jpeg", "image"),
        ("http://h/a.webp?size=9", "image"),
        ("https://h/clip.mov#t=1", "video"),
        ("b.webm", "video"),
        ("C:\\clips\\b.mkv", "video"),
        ("data:image/png;base64,AA", "image"),
        ("data:video/mp4;base64,AA", "video"),
        ("data:image/gif;base64,AA", "unknown"),
        ("data:,x", "unknown"),
        ("a.gif", "unknown"),
        ("noname", "unknown"),
        ("http://h.com/photo", "unknown"),
        ("s.wav", None),
        ("x.safetensors", None),
        ("data:text/plain,hi", None),
    ],
)
def test_kinds(source: str, kind: str | None):
    assert source_kind(source) == kind


@pytest.mark.parametrize(
    "source", ["a.png", "/x/a.png", "C:\\a.png", "http://h/a", "data:,x", "a b:c.png"]
)
def test_good_sources(source: str):
    assert source_problem(source) is None


@pytest.mark.parametrize(
    "source",
    [
        "",
        "  ",
        "a\x00b",
        "ftp://h/a.png",
        "s3://b/k",
        "http://",
        "https://[bad",
        "data:image/png",
        "x" * 9000,
    ],
)
def test_bad_sources(source: str):
    assert source_problem(source) is not None
