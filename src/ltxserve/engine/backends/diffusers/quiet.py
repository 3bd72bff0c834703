"""Keeps loading bars and remarks of the model libraries off the screen; hides no error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType

from diffusers.utils import logging as of_diffusers
from transformers.utils import logging as of_transformers


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, diffusers and transformers show no bars and log errors only; restored afterwards.

    What goes wrong is raised by them, not logged, so nothing is lost.
    """
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for library in (of_diffusers, of_transformers):
            stack.enter_context(_quiet(library))
        yield


@contextmanager
def _quiet(library: ModuleType) -> Iterator[None]:
    level, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()
