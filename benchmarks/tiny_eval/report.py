"""Adds up verdicts and prints them against the targets; it knows no pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.tiny_eval.cases import Case
from benchmarks.tiny_eval.judge import KEPT_DB, Verdict
from benchmarks.tiny_eval.measure import Measured

TARGETS: dict[tuple[str, str], float] = {
    ("text", "color"): 0.95,
    ("text", "motion"): 0.90,
    ("text", "camera"): 0.85,
    ("text", "shape"): 0.85,
    ("text", "background"): 0.90,
    ("text", "sound"): 0.80,
    ("image", "moves as told"): 0.85,
    ("keyframes", "moves as told"): 0.85,
}
DECIBEL_TARGETS = {
    ("image", "first frame"): KEPT_DB,
    ("keyframes", "first frame"): KEPT_DB,
    ("keyframes", "last frame"): KEPT_DB,
}
ATTRIBUTES = ("color", "shape", "motion", "background", "camera")


@dataclass(frozen=True)
class Outcome:
    """One clip: what was asked, what was measured, how it was judged, its seed and seconds."""

    case: Case
    found: Measured
    verdict: Verdict
    seed: int
    seconds: float


@dataclass(frozen=True)
class Line:
    """One figure of the report: a share (0..1) or a mean in dB, its target (None = no target)."""

    suite: str
    what: str
    value: float
    low: float
    high: float
    clips: int
    target: float | None
    unit: str

    @property
    def met(self) -> bool:
        """Whether the target is met; lines without one always are."""
        return self.target is None or self.value >= self.target


def _interval(share: float, clips: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z = 1.96
    middle = (share + z * z / (2 * clips)) / (1 + z * z / clips)
    half = z * sqrt(share * (1 - share) / clips + z * z / (4 * clips**2)) / (1 + z * z / clips)
    return max(0.0, middle - half), min(1.0, middle + half)


def _share(suite: str, what: str, passes: Sequence[bool]) -> Line:
    share = fmean(passes)
    low, high = _interval(share, len(passes))
    return Line(suite, what, share, low, high, len(passes), TARGETS.get((suite, what)), "%")


def _mean(suite: str, what: str, values: Sequence[float]) -> Line:
    target = DECIBEL_TARGETS.get((suite, what))
    return Line(suite, what, fmean(values), min(values), max(values), len(values), target, "dB")


def summary(outcomes: Iterable[Outcome]) -> tuple[Line, ...]:
    """The figures of a run. Clips with two objects count in lines of their own, "text, two"."""
    checks: dict[tuple[str, str], list[bool]] = {}
    decibels: dict[tuple[str, str], list[float]] = {}
    for outcome in outcomes:
        suite = outcome.case.suite
        name = "text, two" if outcome.case.prompt.pair else suite
        for what, passed in outcome.verdict.checks.items():
            checks.setdefault((name, what), []).append(passed)
        for what, value in outcome.verdict.decibels.items():
            decibels.setdefault((suite, what), []).append(value)
    lines = [_share(*key, passes) for key, passes in checks.items()]
    lines += [_mean(*key, values) for key, values in decibels.items()]
    order = ("text", "text, two", "image", "keyframes")
    return tuple(sorted(lines, key=lambda line: order.index(line.suite)))


def confusions(outcomes: Iterable[Outcome]) -> dict[str, Counter[tuple[str, str]]]:
    """How often a wanted name was measured as which, by attribute; clips with one object only."""
    counts: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in ATTRIBUTES}
    for outcome in outcomes:
        prompt, found = outcome.case.prompt, outcome.found
        if prompt.pair:
            continue
        for name in ("color", "shape", "motion"):
            counts[name][getattr(prompt.main, name), getattr(found.main, name)] += 1
        counts["background"][prompt.background, found.background] += 1
        counts["camera"][prompt.camera, found.camera] += 1
    return counts


def _number(line: Line, value: float) -> str:
    return f"{100 * value:.1f} %" if line.unit == "%" else f"{value:.1f} dB"


def show_summary(lines: Iterable[Line], console: Console) -> None:
    """Print the figures with their targets."""
    table = Table(title="The small world, measured from pixels and samples")
    for title in ("suite", "what", "measured", "95 % or range", "clips", "target", ""):
        table.add_column(title, justify="left" if title in {"suite", "what"} else "right")
    for line in lines:
        bounds = f"{_number(line, line.low)} to {_number(line, line.high)}"
        target = "" if line.target is None else f">= {_number(line, line.target)}"
        mark = "" if line.target is None else "[green]met" if line.met else "[red]missed"
        measured = _number(line, line.value)
        table.add_row(line.suite, line.what, measured, bounds, str(line.clips), target, mark)
    console.print(table)


def show_confusions(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print wanted (rows) against measured (columns) for each attribute, one object only."""
    for name, counts in confusions(outcomes).items():
        wanted = sorted({pair[0] for pair in counts})
        measured = sorted({pair[1] for pair in counts})
        table = Table(title=f"{name}: wanted (rows), measured (columns)")
        for title in ("", *measured):
            table.add_column(title, justify="right")
        for row in wanted:
            cells = [_cell(counts[row, column], row == column) for column in measured]
            table.add_row(row, *cells)
        console.print(table)


def _cell(count: int, right: bool) -> str:
    style = "green" if right else "red"
    return f"[{style}]{count}" if count else "·"


def to_json(outcomes: Sequence[Outcome], lines: Sequence[Line]) -> dict[str, Any]:
    """The whole run as plain data."""
    return {
        "summary": [{**asdict(line), "met": line.met} for line in lines],
        "cases": [
            {
                "suite": outcome.case.suite,
                "wanted": asdict(outcome.case.prompt),
                "measured": asdict(outcome.found),
                **asdict(outcome.verdict),
                "seed": outcome.seed,
                "seconds": round(outcome.seconds, 2),
            }
            for outcome in outcomes
        ],
    }
