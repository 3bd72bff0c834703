"""Collects what is wrong with a request, and what is merely worth saying, while it is planned."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ltxserve.errors import Problem, RequestRefused


@dataclass
class Findings:
    """Problems refuse the request, warnings travel with the plan.

    presets: the request's fields whose values are a preset's -> its name. A caller who has not
    said them cannot leave them out.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    presets: dict[str, str] = field(default_factory=dict)

    def problem(self, code: str, message: str, hint: str, where: str | None = None) -> None:
        """Note a problem; the request will be refused."""
        preset = self.presets.get(where or "")
        if preset is not None:
            hint = f"Preset {preset} sets {where}: give a value of your own, or no preset. {hint}"
        found = Problem(code, message, hint, where)
        if found not in self.problems:
            self.problems.append(found)

    def warn(self, text: str) -> None:
        """Note something the caller should know although the request runs."""
        if text not in self.warnings:
            self.warnings.append(text)

    def check(self) -> None:
        """Raise RequestRefused with everything found, if anything was."""
        if self.problems:
            raise RequestRefused(self.problems)


def show(value: object, limit: int = 40) -> str:
    """A value for a message, however absurd: numbers by their size, text cut short."""
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a number beyond 10^18" if value > 0 else "a number below -10^18"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    text = text if len(text) <= limit else text[: limit - 3] + "..."
    return repr(text) if isinstance(value, str) else text


def at_most(seconds: float) -> str:
    """A longest time for a message: cut, not rounded, so that it is possible when it is used."""
    return f"{math.floor(seconds * 100 + 1e-9) / 100:.2f} seconds"
