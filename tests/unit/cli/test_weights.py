"""`ltxserve models pull | where | verify | rm` against a stand-in hub, as a user types them."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ltxserve.catalog import load_catalog
from ltxserve.catalog.weights.needs import needs
from ltxserve.cli import app
from ltxserve.cli.weights import places_of
from ltxserve.errors import LtxserveError
from ltxserve.settings import load_settings
from tests.hub import TOKEN, StandIn, stand_in
from tests.loopback import Loopback
from tests.unit.catalog.weights.conftest import safetensors

NAME = "ltxv-2b-0.9.8-distilled-fp8"
SPEC = load_catalog().model(NAME)


def repos() -> dict[str, dict[str, bytes]]:
    made: dict[str, dict[str, bytes]] = {}
    inside = {
        "text_encoder": "text_encoder/model.safetensors",
        "tokenizer": "tokenizer/spiece.model",
    }
    for number, need in enumerate(needs(SPEC)):
        path = inside.get(need.role, need.path)
        made.setdefault(need.repo, {})[path] = safetensors(3000, number)
        if need.role == "text_encoder":
            made[need.repo]["text_encoder/config.json"] = b"{}"
    return made


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[StandIn, Loopback]]:
    monkeypatch.setenv("LTXSERVE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with stand_in(repos()) as (stand, _, server):
        yield stand, server


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", *words])


def in_a_process(server: Loopback, *words: str) -> subprocess.CompletedProcess[str]:
    """The command where the hub's client reads its settings anew."""
    environment = {**os.environ, "HF_ENDPOINT": server.url, "HF_HUB_OFFLINE": "0"}
    code = "import sys; from ltxserve.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "models", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_pull_where_verify_rm_in_a_process_of_its_own(
    served: tuple[StandIn, Loopback], tmp_path: Path
):
    done = in_a_process(served[1], "pull", NAME, "--accept-licence")
    assert done.returncode == 0, done.stderr
    assert SPEC.licence.title in done.stderr
    assert "fetching" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert str(tmp_path / "models") in done.stdout
    told = json.loads(run("where", NAME, "--json").output)
    assert told["complete"]
    assert all(file["path"] for file in told["files"])
    checked = run("verify", NAME)
    assert checked.exit_code == 0
    assert checked.output.count("whole (by size and digest)") == 5
    removed = run("rm", NAME, "--yes")
    assert removed.output.count("deleted") == 5
    assert run("where", NAME).exit_code == 1


def test_nothing_comes_without_the_licence(served: tuple[StandIn, Loopback]):
    result = run("pull", NAME)
    assert isinstance(result.exception, LtxserveError)
    assert result.exception.code == "licence_not_accepted"
    assert not served[1].seen


def test_adapters_are_pulled_by_their_names(served: tuple[StandIn, Loopback], tmp_path: Path):
    row = load_catalog().lora("camera-static")
    served[0].repos[row.repo] = {row.file: safetensors(3000, 9)}
    refused = run("pull", "Camera-Static")
    assert isinstance(refused.exception, LtxserveError)
    assert refused.exception.code == "licence_not_accepted"
    done = in_a_process(served[1], "pull", "Camera-Static", "--accept-licence", "--quiet")
    assert done.returncode == 0, done.stderr
    place = tmp_path / "models" / row.repo / row.file
    assert done.stdout.strip() == str(place)
    assert place.read_bytes() == safetensors(3000, 9)
    told = json.loads(run("where", "camera-static", "--json").output)
    assert (told["complete"], told["files"][0]["path"]) == (True, str(place))
    assert "whole (by size and digest)" in run("verify", "camera-static").output
    place.write_bytes(safetensors(3000, 8))
    damaged = run("verify", "camera-static")
    assert damaged.exit_code == 1
    assert "differs" in damaged.output
    assert run("rm", "camera-static", "--yes").output.split() == ["deleted", str(place)]
    assert not place.exists()
    assert run("where", "camera-static").exit_code == 1
    assert "missing" in run("verify", "camera-static").output


def test_offline_nothing_is_asked(
    served: tuple[StandIn, Loopback], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LTXSERVE_OFFLINE", "1")
    result = run("pull", NAME, "--accept-licence")
    assert isinstance(result.exception, LtxserveError)
    assert result.exception.code == "weights_missing"
    assert not served[1].seen


def test_missing_and_damaged_files_are_named(served: tuple[StandIn, Loopback], tmp_path: Path):
    file = tmp_path / "models" / SPEC.files[0].path
    file.parent.mkdir()
    file.write_bytes(safetensors(10)[:-1])
    result = run("verify", NAME)
    assert result.exit_code == 1
    assert "cut short" in result.output
    assert result.output.count(": missing\n") == 2
    assert result.output.count(": missing (optional)\n") == 1
    shown = run("where", NAME)
    assert shown.exit_code == 1
    assert "missing" in shown.output
    assert "Nothing was pulled." in run("rm", NAME, "-y").output
    assert file.exists()
    assert served[1].seen == []


def test_the_built_in_model_needs_nothing(tmp_path: Path):
    for verb in ("pull", "where", "rm"):
        assert "built in" in run(verb, "tiny").output
    assert run("verify", "tiny").exit_code == 0
    result = run("pull", NAME, "--diffusers")
    assert isinstance(result.exception, LtxserveError)
    assert "diffusers" in result.exception.message


def test_deleting_asks_first(served: tuple[StandIn, Loopback]):
    result = CliRunner().invoke(app, ["models", "rm", NAME], input="n\n")
    assert result.exit_code == 1
    assert served[1].seen == []


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTXSERVE_MODELS", str(tmp_path))
    places = places_of(load_settings(), tmp_path / "given")
    assert places == dataclasses.replace(places, explicit=tmp_path / "given", configured=tmp_path)
