"""The decoding process on its own: an order in, a finding out, limits in between."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.guards.tree import ROOT


def order(path: Path, family: str = "image", **fields: Any) -> dict[str, Any]:
    into = str(path.with_name("into.png"))
    return {
        "path": str(path),
        "family": family,
        "format": "PNG",
        "into": into,
        "max_pixels": 10_000,
        "max_seconds": 10,
        "seconds": 10,
        "memory": 4 * 2**30,
        **fields,
    }


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def run(order: dict[str, Any]) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "ltxserve.media.examiner"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_finds(picture: Path):
    expected = {"family": "image", "width": 30, "height": 20, "rewritten": True}
    assert run(order(picture)) == {"found": expected}
    assert picture.with_name("into.png").is_file()


def test_says_what_is_wrong(picture: Path):
    answer = run(order(picture, max_pixels=599))
    assert answer["error"]["code"] == "media_too_large"
    picture.write_bytes(picture.read_bytes()[:40])
    assert run(order(picture))["error"]["code"] == "media_corrupt"


def test_a_picture_of_another_kind_than_its_beginning(picture: Path):
    assert run(order(picture, format="JPEG"))["error"]["code"] == "media_corrupt"
