"""The command's door: errors become messages and exit codes, verbs are where the table says."""

import importlib
import json
import subprocess
import sys

import pytest

import ltxserve
from ltxserve.cli import VERBS, app, cancellable, exit_code, main, report
from ltxserve.errors import (
    Cancelled,
    ConfigurationError,
    GenerationFailed,
    LtxserveError,
    Problem,
    RequestRefused,
)

REFUSED = RequestRefused(
    [
        Problem("prompt_empty", "The prompt is [empty].", "Write one.", "prompt"),
        Problem("size_out_of_range", "Too wide.", "Use 512.", "width"),
    ]
)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    return stop.value.code if isinstance(stop.value.code, int) else 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_exists(verb: str):
    module, function = VERBS[verb].split(":")
    assert callable(getattr(importlib.import_module(module), function))
    assert verb in [command.name for command in app.registered_commands]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (REFUSED, 2),
        (Cancelled(), 130),
        (GenerationFailed("generation_failed", "Broke."), 1),
        (ConfigurationError("settings_invalid", "Bad."), 1),
    ],
)
def test_exit_codes(error: LtxserveError, code: int):
    assert exit_code(error) == code


def test_people_read_every_problem_with_its_fix(capsys: pytest.CaptureFixture[str]):
    report(REFUSED, as_json=False)
    text = capsys.readouterr().err
    assert "error: prompt: The prompt is [empty]. [prompt_empty]" in text
    assert "fix: Use 512." in text


def test_machines_read_json(capsys: pytest.CaptureFixture[str]):
    report(Cancelled(), as_json=True)
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "cancelled"


def test_a_refusal_leaves_with_two(capsys: pytest.CaptureFixture[str]):
    assert run("plan", "x", "--width", "9999", "--seconds", "99", "--json") == 2
    problems = json.loads(capsys.readouterr().out)["error"]["problems"]
    assert {p["field"] for p in problems} == {"width", "seconds"}


def test_a_wrong_command_line_leaves_with_two():
    assert run("plan", "x", "--width", "wide") == 2
    assert run("plann") == 2


def test_the_version(capsys: pytest.CaptureFixture[str]):
    assert run("--version") == 0
    assert capsys.readouterr().out.strip().count(".") == 2


def test_control_c_is_a_cancelled_run():
    @cancellable
    def verb() -> None:
        raise KeyboardInterrupt

    with pytest.raises(Cancelled):
        verb()


def test_the_package_can_be_run_as_the_command():
    words = [sys.executable, "-m", "ltxserve", "--version"]
    told = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ltxserve.__version__ in told.stdout
