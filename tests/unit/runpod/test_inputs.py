"""Sources as checked files: URLs by the safe fetch, data URIs, base64; never a path."""

from __future__ import annotations

import base64
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ltxserve.errors import MediaError
from ltxserve.media.encode import write_video
from ltxserve.media.examine import MediaLimits
from ltxserve.media.fetch import FetchRules
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.runpod.inputs import Sources
from tests.loopback import Loopback, Reply
from tests.tiny import disc, saved


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    return Path(saved(disc(size=(64, 64)), tmp_path / "a.png")).read_bytes()


def sources(folder: Path, server: Loopback | None = None, limit: int = 2**20) -> Sources:
    rules = FetchRules(networks=("127.0.0.0/8",), ports=(server.port,)) if server else FetchRules()
    (folder / "job").mkdir(exist_ok=True)
    limits = MediaLimits(max_image_bytes=limit, max_video_bytes=limit, max_audio_bytes=limit)
    return Sources(folder / "job", rules, limits)


def request(*given: str) -> dict[str, object]:
    return {"prompt": "x", "conditions": [{"source": source} for source in given]}


def test_a_url_and_a_data_uri_become_files(tmp_path: Path, picture: bytes):
    uri = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    with Loopback(lambda asked: Reply(200, picture)) as server:
        url = f"{server.url}/a.png"
        local, problems = sources(tmp_path, server).localized(request(url, uri, url))
        assert len(server.seen) == 1, "the same source was fetched twice"
    assert problems == []
    paths = [Path(part["source"]) for part in local["conditions"]]
    assert paths[0] == paths[2]
    assert all(path.suffix == ".png" and path.is_file() for path in paths)


def test_the_request_itself_is_left_as_it_was(tmp_path: Path, picture: bytes):
    uri = f"data:;base64,{base64.b64encode(picture).decode()}"
    given = request(uri)
    sources(tmp_path).localized(given)
    assert given == request(uri)


def test_a_problem_for_each_that_cannot_be_had(tmp_path: Path, picture: bytes):
    packed = base64.b64encode(picture).decode()
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture)
    given = request(
        str(secret),
        "file:///etc/passwd",
        "store:somebody/else.png",
        "http://127.0.0.1/a.png",
        "http://169.254.169.254/latest",
        "data:image/png;base64,AAAA",
        f"data:video/mp4;base64,{packed}",
        "data:;base64," + "A" * 3_000_000,
    )
    _, problems = sources(tmp_path).localized(given)
    assert [(p.field, p.code) for p in problems] == [
        ("conditions.0.source", "source_invalid"),
        ("conditions.1.source", "source_invalid"),
        ("conditions.2.source", "source_invalid"),
        ("conditions.3.source", "url_refused"),
        ("conditions.4.source", "url_refused"),
        ("conditions.5.source", "media_type_refused"),
        ("conditions.6.source", "media_type_refused"),
        ("conditions.7.source", "media_too_large"),
    ]


def test_an_adapter_is_no_path(tmp_path: Path):
    given = {"prompt": "x", "loras": [{"name_or_path": "../../etc/x.safetensors"}]}
    _, problems = sources(tmp_path).localized(given)
    assert [problem.code for problem in problems] == ["unknown_lora"]


def test_a_clip_of_a_stitch_is_a_video(tmp_path: Path, picture: bytes):
    with pytest.raises(MediaError) as refusal:
        sources(tmp_path).video(f"data:;base64,{base64.b64encode(picture).decode()}")
    assert refusal.value.code == "media_type_refused"


def test_a_sound_is_heard_of_before_anything_is_planned(tmp_path: Path):
    frames = np.zeros((9, 64, 64, 3), np.uint8)
    target = EncodeTarget(tmp_path / "mute.mp4", "mp4", Fraction(24), 64, 64)
    mute = base64.b64encode(write_video([frames], target).path.read_bytes()).decode()
    given = {"prompt": "x", "sound": {"source": f"data:video/mp4;base64,{mute}"}}
    _, problems = sources(tmp_path).localized(given)
    assert [(p.field, p.code, p.message) for p in problems] == [
        ("sound.source", "media_unsupported", "The content has no sound.")
    ]
