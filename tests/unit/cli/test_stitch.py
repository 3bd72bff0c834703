"""`ltxserve stitch`: clips, trims and transitions from the command line or a file."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ltxserve.cli import main
from ltxserve.cli.stitch import local_file, read_clip, read_transition, with_format
from ltxserve.errors import MediaError, RequestRefused
from ltxserve.media.decode import read_video
from ltxserve.media.probe import probe
from tests.unit.media.samples import click
from tests.unit.media.stitch.material import clip, numbered, numbers


def run(*words: str) -> int:
    try:
        main(["stitch", *words])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two clips in the current folder."""
    monkeypatch.chdir(tmp_path)
    for index, name in enumerate(["a.mp4", "b.mp4"]):
        clip(tmp_path / name, numbered(24, 24 * index), click(0.5, 1.0))
    return ["a.mp4", "b.mp4"]


def test_clips_become_one(two: list[str], capsys: pytest.CaptureFixture[str]):
    assert run(*two, "-o", "out.mp4") == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == "out.mp4"
    assert "2 clips, 128x64, 48 frames, 2.00 s with sound; pictures copied" in shown.err
    assert numbers(read_video("out.mp4").frames) == list(range(48))


def test_trims_and_transitions(two: list[str], capsys: pytest.CaptureFixture[str]):
    words = ["a.mp4@0.25:", "b.mp4@:-0.5", "-t", "crossfade:0.25", "-o", "out.webm", "--json"]
    assert run(*words) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["num_frames"], data["copied"], data["clips"]) == (18 + 12 - 6, False, 2)
    assert data["media_type"] == "video/webm"


def test_a_file_says_the_rest(two: list[str], tmp_path: Path):
    stitch = {
        "clips": [{"source": "a.mp4", "speed": 2}, {"source": "b.mp4", "volume": 0}],
        "output": {"crf": 30},
    }
    (tmp_path / "stitch.json").write_text(json.dumps(stitch))
    words = ["--request", "stitch.json", "--fps", "12", "-W", "64", "--loudness", "-20"]
    assert run(*words, "-o", "c.mp4", "-q") == 0
    video = probe("c.mp4").video
    assert video is not None
    assert (video.num_frames, video.fps, video.width, video.height) == (18, 12, 64, 32)


def test_names_are_found_when_none_is_given(two: list[str], tmp_path: Path):
    assert run(*two, "-q") == 0
    assert run(*two, "-q") == 0
    assert {"stitched.mp4", "stitched-2.mp4"} <= {path.name for path in tmp_path.iterdir()}


def test_refusals_name_every_clip(two: list[str], capsys: pytest.CaptureFixture[str]):
    words = [*two, "none.mp4", "--speed", "2"]
    assert run(*words) == 2
    assert run("a.mp4@9:", "b.mp4", "--loudness", "3", "--json", "-o", "x.mp4") == 2
    codes = [p["code"] for p in json.loads(capsys.readouterr().out)["error"]["problems"]]
    assert codes == ["loudness_out_of_range"]
    assert run("a.mp4", "http://example.com/b.mp4", "-o", "x.mp4") == 1
    assert "media_fetch_failed" in capsys.readouterr().err
    assert not Path("x.mp4").exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.mp4", {"source": "a.mp4"}),
        ("a.mp4@1:2.5", {"source": "a.mp4", "start": 1.0, "end": 2.5}),
        ("a.mp4@-1:", {"source": "a.mp4", "start": -1.0}),
        ("me@home.mp4", {"source": "me@home.mp4"}),
    ],
)
def test_clips_as_people_write_them(text: str, found: dict[str, Any]):
    assert read_clip(text) == found


def test_transitions_as_people_write_them():
    assert read_transition("cut") == {"kind": "cut"}
    assert read_transition("fade:1.5") == {"kind": "fade", "seconds": 1.5}
    for text in ("fade:", "fade:1:2", "fade:1.2.3"):
        with pytest.raises(RequestRefused):
            read_transition(text)


def test_the_suffix_is_the_format():
    assert with_format({}, Path("a.webm")) == {"output": {"format": "webm"}}
    with pytest.raises(RequestRefused) as refused:
        with_format({"output": {"format": "mp4"}}, Path("a.webm"))
    assert refused.value.codes == ("conflicting_fields",)
    with pytest.raises(RequestRefused):
        with_format({}, Path("a.gif"))


def test_data_uris_are_unpacked(tmp_path: Path):
    uri = "data:video/mp4;base64," + base64.b64encode(b"clip").decode()
    assert local_file(uri, tmp_path).read_bytes() == b"clip"
    with pytest.raises(MediaError):
        local_file("https://example.com/a.mp4", tmp_path)
