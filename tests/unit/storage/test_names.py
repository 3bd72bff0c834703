"""Names that people choose never become paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.errors import StorageError
from ltxserve.storage.base import check_key
from ltxserve.storage.names import attachment, check_file_name, dated_key, key_name

TRICKS = [
    "",
    " ",
    ".",
    "..",
    "../video.mp4",
    "a/b.mp4",
    "a\\b.mp4",
    "/etc/passwd",
    "C:video.mp4",
    ".htaccess",
    "a\0.mp4",
    "a\r\nSet-Cookie: x.mp4",
    "video.mp4\u202e4pm.exe",
    "a" * 201,
    " a.mp4",
    'a".mp4',
    "a*.mp4",
    "\ud800.mp4",
]


@pytest.mark.parametrize("name", TRICKS)
def test_tricks(name: str):
    for use in (check_file_name, key_name, attachment, lambda name: dated_key("d", "j", name)):
        with pytest.raises(StorageError) as caught:
            use(name)
        assert (caught.value.code, caught.value.field) == ("file_name_invalid", "file_name")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("video.mp4", "video.mp4"),
        ("Red ball (2).mp4", "Red_ball_2_.mp4"),
        ("Käfer.mp4", "Kafer.mp4"),
        ("\u7403.mp4", "mp4"),
        ("\u7403", "file"),
        ("a" * 195 + ".mp4", "a" * 120 + ".mp4"),
        ("-x.mp4", "x.mp4"),
    ],
)
def test_key_names(name: str, key: str):
    assert key_name(name) == key


@given(st.text(max_size=220))
def test_every_name_is_a_key_or_refused(name: str):
    try:
        found = key_name(name)
    except StorageError:
        return
    assert "/" not in check_key(found)
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()


def test_dated_key():
    assert dated_key("2026-01-13", "job_abc", "video.mp4") == "2026-01-13/job_abc/video.mp4"
    with pytest.raises(StorageError):
        dated_key("..", "job", "video.mp4")


def test_attachment():
    assert attachment("red ball.mp4") == 'attachment; filename="red ball.mp4"'
    expected = "attachment; filename=\"K_fer.mp4\"; filename*=UTF-8''K%C3%A4fer.mp4"
    assert attachment("Käfer.mp4") == expected
