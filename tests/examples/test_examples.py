"""Every example runs as a newcomer would run it, in an empty folder, and leaves a playable clip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ltxserve.media.probe import probe
from tests.guards.tree import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
CLIPS = {".mp4", ".webm", ".gif"}


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_makes_a_clip(example: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    clips = [path for path in tmp_path.rglob("*") if path.suffix in CLIPS]
    assert clips, f"{example.name} wrote no clip:\n{run.stdout}"
    for clip in clips:
        video = probe(clip).video
        assert video is not None
        assert video.num_frames > 1
