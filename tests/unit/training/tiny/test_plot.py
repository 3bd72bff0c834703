"""Loss curves: what counts of a log, smoothing, a picture for every log there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from ltxserve.training.tiny.plot import plot_losses, read_log, smoothed


def write_log(path: Path, rows: list[tuple[int, float]]) -> None:
    lines = [json.dumps({"step": step, "time": 1.0, "loss": loss}) for step, loss in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_repeated_step_counts_once_with_its_last_value(tmp_path: Path) -> None:
    write_log(tmp_path / "a.jsonl", [(1, 5.0), (2, 4.0), (3, 9.0), (2, 4.5), (3, 3.0)])
    assert read_log(tmp_path / "a.jsonl") == {"step": [1, 2, 3], "loss": [5.0, 4.5, 3.0]}


def test_smoothing_is_a_mean_of_what_came_before() -> None:
    assert smoothed([4, 2, 0, 2], width=2) == pytest.approx([4, 3, 1, 1])


def test_every_log_that_has_entries_gets_a_panel(tmp_path: Path) -> None:
    write_log(tmp_path / "one.jsonl", [(i, 1 / i) for i in range(1, 50)])
    write_log(tmp_path / "two.jsonl", [(i, 2 / i) for i in range(1, 50)])
    (tmp_path / "empty.jsonl").touch()
    plot_losses(tmp_path, ["one"], tmp_path / "narrow.png")
    plot_losses(tmp_path, ["one", "two", "empty", "missing"], tmp_path / "wide.png")
    with Image.open(tmp_path / "narrow.png") as narrow, Image.open(tmp_path / "wide.png") as wide:
        assert wide.width > 1.5 * narrow.width
