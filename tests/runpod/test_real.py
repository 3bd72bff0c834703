"""The built-in model through the whole path: the README's command, and the loop of a platform."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ltxserve.media.decode import read_video
from ltxserve.media.probe import probe
from tests.guards.tree import ROOT
from tests.runpod.asking import asked, new_id
from tests.runpod.platform import FAKE, REAL, Platform, worker
from tests.tiny import disc, saved


def run_locally(
    words: Sequence[str], folder: Path, module: str = REAL
) -> subprocess.CompletedProcess[str]:
    """`python -m ltxserve.runpod` as somebody without RunPod starts it."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RUNPOD_", "LTXSERVE_"))}
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=folder,
        env={
            **env,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "LTXSERVE_DATA_DIR": str(folder / "data"),
            "TMPDIR": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_the_readmes_job(tmp_path: Path):
    readme = (ROOT / "README.md").read_text("utf-8")
    found = re.search(r"(?m)^python -m ltxserve\.runpod (.+)$", readme)
    assert found is not None
    words = shlex.split(found[1])
    run = run_locally(words, tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    asked_for = json.loads(words[words.index("--test_input") + 1])["input"]
    info = probe(tmp_path / words[words.index("--save") + 1]).video
    assert info is not None
    extent = (info.width, info.height, info.num_frames)
    assert extent == (asked_for["width"], asked_for["height"], asked_for["num_frames"])
    assert "base64" not in run.stdout, "the log holds the clip"


def test_a_local_job_that_is_refused_fails(tmp_path: Path):
    given = ["--test_input", '{"input": {"prompt": "", "odd": 1}}']
    run = run_locally(given, tmp_path, FAKE)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert list(tmp_path.glob("ltxserve-worker-*")) == [], "its folder was left behind"


def test_a_picture_moves_in_the_real_loop(tmp_path: Path):
    packed = base64.b64encode(Path(saved(disc(), tmp_path / "a.png")).read_bytes()).decode()
    with Platform() as platform, worker(platform, tmp_path, REAL, DEVICE="cpu"):
        output = platform.run(new_id(), asked("a red ball", image_base64=packed, steps=4)).output
        assert (output["mode"], output["meta"]["model"]) == ("i2v", "tiny")
        path = tmp_path / "clip.mp4"
        path.write_bytes(base64.b64decode(output["video"]["base64"]))
        stages = {update["stage"] for update in platform.progress(platform.taken[0])}
        assert stages
    frames = read_video(str(path)).frames
    away = np.abs(frames[0].astype(float) - disc().astype(float)).mean()
    assert away < 20, "the first frame is not the picture"
