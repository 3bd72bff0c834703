"""What an operator may choose to make a model quicker, as values; it knows no model library."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ltxserve.errors import ConfigurationError

AttentionChoice = Literal["auto", "sdpa", "cudnn", "flash3", "sage"]
CompileChoice = Literal["off", "blocks", "graphs"]
Size = tuple[int, int, int]
"""Width and height in pixels, and frames."""

_SIZE = re.compile(r"(\d+)x(\d+)x(\d+)", re.ASCII)


@dataclass(frozen=True)
class Tuning:
    """How a model is made quicker where its device can; by default nothing has to be waited for.

    attention: what attends where no mask is needed; auto = the quickest that is here.
    compiles: blocks = the transformer's repeated blocks go through torch.compile; graphs = they
    are replayed as CUDA graphs as well. Every new size is waited for once.
    warm_up: sizes that are made once when a worker starts, so that no caller waits for them.
    cache: folder where what was compiled is kept for the next process; None = beside the models.
    compiler: of torch.compile.
    """

    attention: AttentionChoice = "auto"
    compiles: CompileChoice = "off"
    warm_up: tuple[Size, ...] = ()
    cache: Path | None = None
    compiler: str | Callable[..., Any] = "inductor"

    @classmethod
    def of(cls, told: Mapping[str, str]) -> Tuning:
        """From words, as settings and workers' configurations have them (attention, compile,
        warmup, compile_cache; each may be missing). Raises ConfigurationError `settings_invalid`.
        """
        cache = told.get("compile_cache", "")
        return cls(
            attention=_one_of("attention", told.get("attention", "auto"), AttentionChoice),
            compiles=_one_of("compile", told.get("compile", "off"), CompileChoice),
            warm_up=sizes(told.get("warmup", "")),
            cache=Path(cache) if cache else None,
        )


def sizes(words: str) -> tuple[Size, ...]:
    """Sizes as WIDTHxHEIGHTxFRAMES with commas between, each once.

    Raises ConfigurationError `settings_invalid`.
    """
    found: dict[Size, None] = {}
    for word in filter(None, (each.strip().lower() for each in words.split(","))):
        match = _SIZE.fullmatch(word)
        if match is None:
            raise ConfigurationError(
                "settings_invalid",
                f"LTXSERVE_WARMUP cannot have {word[:40]}.",
                "Write sizes as WIDTHxHEIGHTxFRAMES with commas between: 1280x704x121,768x512x121.",
                "LTXSERVE_WARMUP",
            )
        width, height, frames = (int(number) for number in match.groups())
        found[width, height, frames] = None
    return tuple(found)


def _one_of(name: str, word: str, choices: Any) -> Any:
    if word in get_args(choices):
        return word
    raise ConfigurationError(
        "settings_invalid",
        f"LTXSERVE_{name.upper()} cannot be {word[:40]}.",
        f"Use one of {', '.join(get_args(choices))}.",
        f"LTXSERVE_{name.upper()}",
    )
