"""`ltxserve models adapters`: every row, those for a model, those that are here."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ltxserve.catalog import load_catalog
from ltxserve.cli import app
from ltxserve.cli.adapters import is_for
from ltxserve.errors import LtxserveError
from tests.unit.catalog.weights.conftest import safetensors

LORAS = load_catalog().loras


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LTXSERVE_MODELS", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", "adapters", *words])


def test_every_adapter_is_listed():
    assert {row["name"] for row in json.loads(run("--json").output)} == set(LORAS)
    shown = run().output
    assert all(name in shown for name in LORAS)


def test_those_of_a_model():
    rows = json.loads(run("--model", "ltx-2-19b-dev", "--json").output)
    names = {row["name"] for row in rows}
    assert "camera-dolly-in" in names
    assert names == {row.name for row in LORAS.values() if is_for(row, "ltx-2-19b-dev")}
    assert len(names) < len(LORAS)
    assert "no adapter for tiny" in run("-m", "tiny").output
    result = run("-m", "nonesuch")
    assert isinstance(result.exception, LtxserveError)
    assert result.exception.code == "unknown_model"


def test_those_that_are_here(folder: Path):
    row = LORAS["camera-dolly-in"]
    place = folder / row.repo / row.file
    place.parent.mkdir(parents=True)
    place.write_bytes(safetensors(100))
    assert [row["name"] for row in json.loads(run("--json").output) if row["here"]] == [row.name]
