"""`ltxserve generate`: files, formats, names, what people and machines read, exit codes."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ltxserve.cli import main
from ltxserve.cli.generate import default_name, free_name, with_format
from ltxserve.errors import RequestRefused
from ltxserve.media.metadata import read_metadata
from ltxserve.media.probe import probe
from tests.guards.tree import ROOT
from tests.replicas.adapters import low_rank
from tests.tiny import disc, engine, request, saved

SMALL = ["-W", "128", "-H", "128", "--num-frames", "9", "--steps", "2", "--seed", "1"]


def run(*words: str) -> int:
    """The command in this process, on the engine that is already loaded; its exit code."""
    try:
        main(["generate", *words])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


def words_of(small: list[str], path: Path) -> list[str]:
    return ["a red ball moves right", *small, "-o", str(path)]


# ── what is written ─────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("name", "sound"), [("x.mp4", True), ("x.webm", True), ("x.gif", False)])
def test_the_suffix_chooses_the_format(
    tmp_path: Path, name: str, sound: bool, capsys: pytest.CaptureFixture[str]
):
    assert run(*words_of(SMALL, tmp_path / name)) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(tmp_path / name)
    assert "128x128, 9 frames" in shown.err
    info = probe(tmp_path / name)
    assert info.video is not None
    assert (info.video.num_frames, info.audio is not None) == (9, sound)
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_name_without_suffix_is_a_folder_of_pictures(tmp_path: Path):
    assert run(*words_of(SMALL, tmp_path / "frames"), "--quiet") == 0
    assert len(list((tmp_path / "frames").glob("*.png"))) == 9


def test_adapters_act_with_their_strength(tmp_path: Path):
    mine = low_rank(tmp_path / "mine.safetensors")
    made: dict[str, bytes] = {}
    for number, strength in enumerate(("", "@0", "@0.5")):
        out = tmp_path / f"frames{number}"
        assert run(*words_of(SMALL, out), "--quiet", "--lora", f"{mine}{strength}") == 0
        made[strength] = sorted(out.glob("*.png"))[-1].read_bytes()
    plain = tmp_path / "plain"
    assert run(*words_of(SMALL, plain), "--quiet") == 0
    assert made["@0"] == sorted(plain.glob("*.png"))[-1].read_bytes()
    assert len(set(made.values())) == 3


def test_machines_read_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(*words_of(SMALL, tmp_path / "x.mp4"), "--json") == 0
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    assert shown.err == ""
    assert (data["ok"], data["seed"], data["model"]) == (True, 1, "tiny")
    assert (data["width"], data["height"], data["num_frames"], data["fps"]) == (128, 128, 9, 24)
    assert data["bytes"] == (tmp_path / "x.mp4").stat().st_size
    assert data["timings"]["denoise"] > 0


def test_a_request_file_with_options_over_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    entry: dict[str, Any] = {
        "prompt": "a blue star moves up",
        "width": 128,
        "height": 160,
        "num_frames": 9,
        "num_inference_steps": 2,
        "seed": 3,
        "conditions": [{"source": saved(disc(), tmp_path / "a.png"), "frame": -1}],
        "output": {"embed_metadata": False},
    }
    (tmp_path / "r.json").write_text(json.dumps(entry))
    words = ["--request", str(tmp_path / "r.json"), "--seed", "9", "-o", str(tmp_path / "x.webm")]
    assert run(*words, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["seed"], data["height"]) == (9, 160)
    assert not read_metadata(tmp_path / "x.webm")


def test_a_random_seed_is_shown_and_makes_the_file_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run(*words_of(SMALL[:-2], tmp_path / "a.mp4"))
    found = re.search(r"seed (\d+)", capsys.readouterr().err)
    assert found is not None
    run(*words_of([*SMALL[:-1], found[1]], tmp_path / "b.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_warnings_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run("a fluffy red ball", *SMALL, "-o", str(tmp_path / "x.mp4")) == 0
    assert re.search("warning: .*fluffy", capsys.readouterr().err)


def test_quiet_leaves_only_what_matters(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run(*words_of(SMALL, tmp_path / "x.mp4"), "--quiet")
    assert "denoise" not in capsys.readouterr().err


# ── names ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"prompt": "A red ball, rolling!"}, "a-red-ball-rolling.mp4"),
        ({"prompt": "日本"}, "clip.mp4"),
        ({"prompt": "x" * 100}, "x" * 48 + ".mp4"),
        ({"prompt": "a", "output": {"format": "webm"}}, "a.webm"),
        ({"prompt": "a", "output": {"format": "png"}}, "a"),
        ({"output": {"file_name": "mine"}}, "mine.mp4"),
        ({"output": {"file_name": "v1.2"}}, "v1.2.mp4"),
        ({"output": {"file_name": "mine.gif", "format": "gif"}}, "mine.gif"),
    ],
)
def test_default_names(fields: dict[str, Any], name: str):
    assert default_name(request(**fields)) == Path(name)


def test_a_default_name_never_replaces_a_clip(tmp_path: Path):
    assert free_name(tmp_path / "a.mp4") == tmp_path / "a.mp4"
    for name in ("a.mp4", "a-2.mp4"):
        (tmp_path / name).touch()
    assert free_name(tmp_path / "a.mp4") == tmp_path / "a-3.mp4"


def test_without_output_the_prompt_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    run("a red ball", *SMALL)
    run("a red ball", *SMALL)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "a-red-ball-2.mp4",
        "a-red-ball.mp4",
    ]


def test_the_plan_judges_the_format_of_the_file():
    assert with_format(request(), Path("a.gif")).output.format == "gif"
    assert with_format(request(output={"format": "gif"}), Path("a.gif")).output.format == "gif"
    for asked, name in (("gif", "a.mp4"), ("mp4", "a.gif")):
        with pytest.raises(RequestRefused) as caught:
            with_format(request(output={"format": asked}), Path(name))
        assert caught.value.codes == ("conflicting_fields",)


# ── exit codes ──────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["a ball", "--width", "9999"], 2),
        (["a ball", "-o", "x.avi"], 2),
        (["a ball", "--model", "ltx-2.5-22b-lite"], 2),
        (["", *SMALL], 2),
        (["a ball", "--wdith", "128"], 2),
        (["a ball", *SMALL, "--image", "no-such.png"], 1),
    ],
)
def test_refusals_and_failures(
    words: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert run(*words) == code
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_a_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "x.mp4").mkdir()
    assert run(*words_of(SMALL, tmp_path / "x.mp4"), "--json") == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "output_invalid"


# ── being stopped ───────────────────────────────────────────────────────────────────────────
def started(code: str, *words: str) -> subprocess.Popen[str]:
    """Code in a process of its own; its stderr is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1", "PATH": ""},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stderr is not None
    seen = []
    for text in process.stderr:
        seen.append(text)
        if text.strip() == line:
            return
    pytest.fail(f"never said {line!r}:\n{''.join(seen)}")


@pytest.mark.slow
def test_control_c_leaves_no_file_and_130(tmp_path: Path):
    words = ["a red ball", "--steps", "50", "-W", "128", "-H", "128", "--num-frames", "121"]
    # What was started in the background, as a run of tests may be, ignores Ctrl-C by inheritance.
    code = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from ltxserve.cli import main
main()
"""
    process = started(code, "generate", *words, "-o", str(tmp_path / "x.mp4"))
    wait_for(process, "denoise")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "The run was cancelled. [cancelled]" in err
    assert "Traceback" not in err
    assert out == ""
    assert not list(tmp_path.iterdir())


def test_a_kill_in_the_middle_of_a_write_leaves_nothing_under_the_name(tmp_path: Path):
    """The process stops at a known place, half of its frames encoded, and is killed there."""
    code = """
import signal, sys
from ltxserve.engine.engine import Engine
from tests.tiny import Diary, request
from tests.unit.engine.fakes import Loader

def stop():
    print("writing", file=sys.stderr, flush=True)
    signal.pause()

Engine(create=Loader()).write(request(num_frames=49), sys.argv[1], Diary(("encode_file", 24), stop))
"""
    path = tmp_path / "x.mp4"
    process = started(code, str(path))
    wait_for(process, "writing")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not path.exists()
    # What is left is hidden and named as unfinished; the next run is not bothered by it.
    assert all(left.name.startswith(".") for left in tmp_path.iterdir())
    assert engine().write(request(), path).path == path
