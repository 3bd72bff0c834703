"""What is let in and what is refused before anything is decoded."""

import base64
from pathlib import Path

import pytest

from ltxserve.errors import MediaError
from ltxserve.media.encode import write_video
from ltxserve.media.source import Source, locate, open_container, picture_file
from tests.unit.media.samples import moving_clip, target


def code_of(source: Source) -> str:
    with pytest.raises(MediaError) as caught:
        locate(source)
    return caught.value.code


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("https://example.org/a.png", "media_fetch_failed"),
        ("HTTP://example.org/a.png", "media_fetch_failed"),
        ("ftp://example.org/a.png", "media_unsupported"),
        ("file:///etc/hostname", "media_unsupported"),
        ("concat:a.mp4|b.mp4", "media_unsupported"),
        ("no_such_file.png", "media_not_found"),
        ("a" * 5000, "media_not_found"),
        ("nul\0inside.png", "media_not_found"),
        (".", "media_unsupported"),
        ("/dev/zero", "media_unsupported"),
        (b"", "media_unreadable"),
        ("data:image/png;base64,", "media_unreadable"),
        ("data:image/png;base64,%%%", "media_unreadable"),
        ("data:image/png;base64", "media_unreadable"),
    ],
)
def test_refused(source: Source, code: str) -> None:
    assert code_of(source) == code


def test_url_says_what_to_do() -> None:
    with pytest.raises(MediaError) as caught:
        locate("https://example.org/a.png")
    assert "fetch" in caught.value.hint


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    assert code_of(tmp_path / "a.mp4") == "media_unreadable"


def test_data_uris() -> None:
    encoded = base64.b64encode(b"hello??>").decode()
    assert locate(f"data:image/png;base64,{encoded}").data == b"hello??>"
    assert locate(f"DATA:;base64,{encoded.rstrip('=')}\n").data == b"hello??>"
    assert locate("data:text/plain,a%20b").data == b"a b"


def test_secrets_stay_out_of_messages() -> None:
    with pytest.raises(MediaError) as caught:
        locate("data:image/png;base64,c2VjcmV0!")
    assert "c2VjcmV0" not in str(caught.value)


def test_colon_in_a_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "take:2.png").write_bytes(b"x")
    assert locate("take:2.png").path == tmp_path / "take:2.png"


def test_picture_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert picture_file(locate(tmp_path / "a")) == tmp_path / "a"
    assert not isinstance(stream := picture_file(locate(b"bytes")), Path)
    assert stream.read() == b"bytes"


def test_container_from_path_and_bytes(tmp_path: Path) -> None:
    clip = moving_clip(3)
    path = write_video([clip], target(tmp_path / "a %20 ü.mp4", clip)).path
    for source in (path, str(path), path.read_bytes()):
        with open_container(locate(source)) as container:
            assert len(list(container.decode(video=0))) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.m3u8", "#EXTM3U\n#EXTINF:1,\nother.mp4\n"),
        ("script.ffconcat", "ffconcat version 1.0\nfile other.mp4\n"),
        ("text.txt", "plain text\n" * 50),
        ("text.mp4", "plain text\n" * 50),
        ("session.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n"),
    ],
)
def test_playlists_and_text_are_not_media(tmp_path: Path, name: str, content: str) -> None:
    """FFmpeg would read some of these, and open other files or addresses for them."""
    (tmp_path / name).write_text(content)
    with pytest.raises(MediaError) as caught, open_container(locate(tmp_path / name)):
        pass
    assert caught.value.code == "media_unreadable"
