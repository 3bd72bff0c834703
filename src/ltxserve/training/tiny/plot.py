"""Draws the loss curves of a training folder. It knows log files, not models."""

from __future__ import annotations

import json
from pathlib import Path

SMOOTH = 25  # steps in a moving mean


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns of a log by name; of a step that was repeated after a stop, the last entry counts."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    by_step = {row["step"]: row for row in rows}
    ordered = [by_step[step] for step in sorted(by_step)]
    names = [name for name in (ordered[0] if ordered else {}) if name != "time"]
    return {name: [float(row[name]) for row in ordered] for name in names}


def smoothed(values: list[float], width: int = SMOOTH) -> list[float]:
    """Moving mean over the last `width` values."""
    return [
        sum(values[max(0, i - width + 1) : i + 1]) / (i + 1 - max(0, i - width + 1))
        for i in range(len(values))
    ]


def plot_losses(folder: Path, names: list[str], target: Path) -> None:
    """One panel for each log in a folder, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    logs = {name: folder / f"{name}.jsonl" for name in names}
    logs = {name: path for name, path in logs.items() if path.exists() and path.stat().st_size}
    figure, axes = pyplot.subplots(1, max(1, len(logs)), figsize=(4 * max(1, len(logs)), 3))
    panels = [axes] if len(logs) <= 1 else list(axes)
    for panel, (name, path) in zip(panels, logs.items(), strict=False):
        columns = read_log(path)
        for column, values in columns.items():
            if column != "step":
                panel.plot(columns["step"], smoothed(values), label=column)
        panel.set_title(name)
        panel.set_xlabel("step")
        panel.legend()
    figure.tight_layout()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110)
    pyplot.close(figure)
