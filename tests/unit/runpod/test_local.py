"""A local run's clip becomes a file."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from ltxserve.errors import MediaError
from ltxserve.runpod.local import Saving
from ltxserve.runpod.making import Order

ORDER = Order("j", {})


def answer(*contents: bytes) -> dict[str, Any]:
    clips = [{"video": {"base64": base64.b64encode(content).decode()}} for content in contents]
    return clips[0] if len(clips) == 1 else {"clips": clips}


def test_one_clip_and_several(tmp_path: Path):
    path = tmp_path / "new" / "clip.mp4"
    output = Saving(lambda order, tell: answer(b"one"), path)(ORDER, lambda update: None)
    assert path.read_bytes() == b"one"
    assert output == {"video": {}}, "the log would show all of it"
    Saving(lambda order, tell: answer(b"a", b"b"), path)(ORDER, lambda update: None)
    assert (path.with_name("clip-2.mp4")).read_bytes() == b"b"


def test_a_clip_that_went_away_cannot_be_saved(tmp_path: Path):
    stored = {"video": {"url": "https://x.example"}}
    with pytest.raises(MediaError):
        Saving(lambda order, tell: stored, tmp_path / "x.mp4")(ORDER, lambda update: None)
