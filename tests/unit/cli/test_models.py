"""`ltxserve models`: every row, as a table and as JSON."""

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ltxserve.catalog import load_catalog
from ltxserve.catalog.weights.places import Places
from ltxserve.cli import app
from ltxserve.cli.models import describe, features, gigabytes, is_here, table
from ltxserve.cli.room import Room

ROOM = Room(ram=8 * 2**30, vram=None)
ROWS = list(load_catalog().models.values())


def test_json_has_every_row():
    result = CliRunner().invoke(app, ["models", "--json"])
    assert result.exit_code == 0
    rows = {row["name"]: row for row in json.loads(result.output)}
    assert set(rows) == {spec.name for spec in ROWS}
    assert rows["tiny"]["runs"]
    assert rows["tiny"]["fits"] in ("yes", "no")
    assert rows["ltx-2-19b-dev"]["runs"]


def test_the_table_has_every_row():
    console = Console(record=True, width=200)
    with console.capture() as shown:
        console.print(table(ROWS, ROOM))
    assert all(spec.name in shown.get() for spec in ROWS)


def test_a_row_says_what_it_can_do():
    tiny = load_catalog().model("tiny")
    assert "camera (prompt)" in features(tiny)
    assert describe(tiny, ROOM)["defaults"]["num_frames"] == 49
    assert gigabytes(3 * 2**29) == "1.5 GiB"


def test_those_that_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTXSERVE_MODELS", str(tmp_path))
    result = CliRunner().invoke(app, ["models", "list", "--here", "--json"])
    assert [row["name"] for row in json.loads(result.output)] == ["tiny"]
    spec = load_catalog().model("ltx-2-19b-dev")
    assert not is_here(spec, Places(configured=tmp_path, volumes=(), caches=()))
    shown = CliRunner().invoke(app, ["models"]).output
    assert "Files are here of: tiny." in shown
