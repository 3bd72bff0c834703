"""Progress on the screen: one bar a stage, or one line where there is no terminal."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from ltxserve.catalog.weights.pull import Pulling
from ltxserve.cli.bars import BarObserver, ByteBar, JobBar, PullBars
from ltxserve.progress import Progress

TOLD = [
    Progress("load", 0, 1),
    Progress("load", 1, 1),
    *(Progress("denoise", step, 8) for step in range(9)),
    Progress("decode_video", 0, 49),
]


def shown(terminal: bool, title: str = "") -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    with BarObserver(console, title) as bars:
        for progress in TOLD:
            bars(progress)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_gets_bars():
    text = shown(terminal=True)
    assert "denoise" in text
    assert "8/8" in text
    assert "0/49" in text
    assert "0/100" not in text  # a stage's length is known from its first step on


def test_a_pipe_gets_one_line_a_stage():
    assert shown(terminal=False).splitlines() == ["load", "denoise", "decode video"]


def test_the_title_stands_before_every_stage():
    assert shown(terminal=False, title="ball.mp4").splitlines()[1] == "ball.mp4: denoise"


def test_the_screen_is_given_back_after_an_error():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with pytest.raises(KeyboardInterrupt), BarObserver(console) as bars:
        bars(TOLD[0])
        raise KeyboardInterrupt
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().endswith("\x1b[?25h")  # the cursor is shown again


def test_a_job_and_a_download_have_one_bar_each():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with JobBar(console=console) as job:
        job("queued", None, None)
        job("running", "decode_video", 90.0)
    with ByteBar(console=console) as download:
        download(500_000, 1_000_000)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "decode video" in text
    assert "90%" in text
    assert "0.5/1.0 MB" in text


@pytest.mark.parametrize(("quiet", "terminal"), [(True, True), (False, False)])
def test_no_bar_where_nobody_looks(quiet: bool, terminal: bool):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    with ByteBar(quiet, console) as bar:
        bar(1, 2)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_a_pull_has_a_bar_or_a_line_for_each_file(terminal: bool):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with PullBars(console=console) as bars:
        for done in (0, 500_000, 1_000_000):
            bars(Pulling("a/b: folder/w.safetensors", "fetching", done, 1_000_000))
        bars.checking(Path("v.safetensors"), 1, 2)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    if terminal:
        assert "1.0/1.0 MB" in text
    else:
        assert text == "fetching: a/b: folder/w.safetensors\nchecking: v.safetensors\n"


def test_a_quiet_pull_says_nothing():
    console = Console(file=io.StringIO(), width=80)
    with PullBars(quiet=True, console=console) as bars:
        bars(Pulling("f", "done", 1, 1))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""
