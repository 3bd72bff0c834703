"""Loading says nothing on the screen, and leaves the libraries as talkative as they were."""

import warnings

import pytest
from diffusers.utils import logging as of_diffusers
from transformers.utils import logging as of_transformers

from ltxserve.engine.backends.diffusers.quiet import quiet
from tests.guards.tree import run_python

LIBRARIES = (of_diffusers, of_transformers)


def levels() -> list[tuple[int, bool]]:
    return [(lib.get_verbosity(), lib.is_progress_bar_enabled()) for lib in LIBRARIES]


def test_the_libraries_are_silenced_and_restored():
    before = levels()
    with quiet():
        assert [bars for _, bars in levels()] == [False, False]
        warnings.warn("old", FutureWarning, stacklevel=1)
    assert levels() == before


def test_restored_after_an_error_too():
    before = levels()
    with pytest.raises(KeyError), quiet():
        raise KeyError
    assert levels() == before


def test_bars_that_were_off_stay_off():
    of_diffusers.disable_progress_bar()
    try:
        with quiet():
            pass
        assert not of_diffusers.is_progress_bar_enabled()
    finally:
        of_diffusers.enable_progress_bar()


def test_loading_and_generating_print_nothing():
    """In a process of its own: nothing is loaded yet, and all of stderr is seen."""
    code = (
        "from tests.tiny import engine, request\n"
        "clip = engine().generate(request(prompt='a red ' * 80))\n"
        "print(len(clip.warnings))"
    )
    run = run_python(code)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert int(run.stdout) >= 1
