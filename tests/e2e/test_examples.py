"""Every example runs on the real model and leaves what it promises; the demo as a newcomer would.

In this process, so that the model is loaded once, with --quick.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from ltxserve.media.probe import probe
from tests.guards.tree import ROOT, run_python

FOLDER = ROOT / "examples"
CLIPS = (".mp4", ".webm", ".gif")
WRITES = {
    "text_to_video": "clip.mp4",
    "image_to_video": "clip.mp4",
    "first_and_last_frame": "clip.mp4",
    "keyframes": "clip.mp4",
    "video_condition": "clip.mp4",
    "video_to_video": "gentle.mp4 strong.mp4",
    "retake": "clip.mp4",
    "extend": "after.mp4 before.mp4 only-new.mp4 long.mp4",
    "audio_to_video": "clip.mp4",
    "cancel": "clip.mp4",
    "sound": "bounce.mp4 quiet.mp4 without.mp4",
    "guidance": "off.mp4 guided.mp4 stg.mp4",
    "camera": "static.mp4 dolly_in.mp4 dolly_left.mp4 jib_up.mp4",
    "seeds": "take-1.mp4 take-2.mp4 take-3.mp4 takes.png",
    "formats": "clip.mp4 clip.webm clip.gif frames",
    "engine": "up.mp4 down.mp4",
    "stitch": "clip.mp4",
    "dry_run": "plan.json",
    "demo": "ball.mp4 square.mp4 demo.png",
}

FRAMES = {
    "video_condition": 17,
    "stitch": 9 + 5 - 3,
    "extend/after.mp4": 25,
    "extend/before.mp4": 25,
    "extend/only-new.mp4": 16,
    "extend/long.mp4": 169,
}
"""Examples, or their files, whose clips are not 9 frames long; stitch joins 9 and 9 at double
speed over 3."""


def run(name: str, out: Path) -> None:
    runpy.run_path(str(FOLDER / f"{name}.py"))["main"](["--quick", "--out", str(out)])


def test_every_example_is_here():
    files = {path.stem for path in FOLDER.glob("*.py") if not path.name.startswith("_")}
    assert files == set(WRITES)


@pytest.mark.parametrize("name", [name for name in WRITES if name != "demo"])
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "made"
    written = WRITES[name].split()
    run(name, out / written[0] if len(written) == 1 else out)
    assert sorted(path.name for path in out.iterdir()) == sorted(written)
    assert list(tmp_path.iterdir()) == [out], "an example writes nothing but --out"
    for clip in (path for path in out.iterdir() if path.suffix in CLIPS):
        video = probe(clip).video
        assert video is not None
        assert (video.width, video.height) == (128, 128)
        assert video.num_frames == FRAMES.get(f"{name}/{clip.name}", FRAMES.get(name, 9))


def test_what_the_examples_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.syspath_prepend(str(FOLDER))
    told = {}
    for name, out in {"cancel": "a.mp4", "dry_run": "p.json", "seeds": "s", "sound": "t"}.items():
        run(name, tmp_path / out)
        told[name] = capsys.readouterr().out
    assert "is there a file? False" in told["cancel"]
    assert "the same seed, the same frames: True" in told["seeds"]
    assert "without.mp4: no sound" in told["sound"]
    assert {line.split(":")[0] for line in told["dry_run"].splitlines()[1:]} == {
        "prompt",
        "width",
        "num_frames",
        "fps",
    }


def test_the_demo_as_a_newcomer_runs_it(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, str(FOLDER / "demo.py"), "--quick"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "out" / "demo"
    assert sorted(path.name for path in folder.iterdir()) == sorted(WRITES["demo"].split())
    assert str(folder / "ball.mp4") in made.stdout
    assert "peak memory" in made.stdout


def test_examples_explain_themselves():
    code = (
        "import sys, pathlib; sys.path.insert(0, 'examples')\n"
        "import importlib\n"
        f"for name in {[name for name in WRITES if name != 'demo']!r}:\n"
        "    module = importlib.import_module(name)\n"
        "    assert module.__doc__ and module.main.__doc__, name\n"
        "print('torch' in sys.modules)"
    )
    told = run_python(code)
    assert told.stdout.strip() == "False", told.stderr
