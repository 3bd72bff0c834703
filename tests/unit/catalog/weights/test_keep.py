"""Checking and removing what was pulled; files of other people stay."""

import dataclasses
from pathlib import Path

import pytest

from ltxserve.catalog import ModelSpec
from ltxserve.catalog.spec import WeightFile
from ltxserve.catalog.weights.keep import record_of, remove, verify
from ltxserve.catalog.weights.needs import locate
from ltxserve.catalog.weights.places import Places
from ltxserve.catalog.weights.pull import Wish, pull
from tests.hub import stand_in
from tests.unit.catalog.weights.conftest import REPOS, VENDOR


@pytest.fixture
def pulled(spec: ModelSpec, places: Places) -> Path:
    with stand_in(REPOS) as (_, hub, _):
        pull(Wish(spec, accepted=("all",)), places, hub, lambda _: None)
    return places.target()


def test_a_whole_model(spec: ModelSpec, places: Places, pulled: Path):
    assert pulled.is_dir()
    told: list[tuple[Path, int, int]] = []
    checked = verify(spec, places, lambda *now: told.append(now))
    assert len(checked) == 5
    assert all(not item.fault and item.by == "size and digest" for item in checked)
    assert {path for path, done, of in told if done == of} == {item.path for item in checked}


def test_damage_is_found(spec: ModelSpec, places: Places, pulled: Path):
    file = pulled / VENDOR / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    faults = {item.path: item.fault for item in verify(spec, places) if item.fault}
    assert list(faults) == [file]
    assert "differs" in faults[file]


def test_without_a_record_the_structure_counts(spec: ModelSpec, places: Places):
    file = places.target() / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(REPOS[VENDOR]["model.safetensors"][:-5])
    assert record_of(VENDOR, file) is None
    checked = verify(spec, places)
    assert [(item.path, item.by) for item in checked] == [(file, "structure")]
    assert "cut short" in checked[0].fault


def test_removing(spec: ModelSpec, places: Places, pulled: Path):
    stranger = pulled / VENDOR / "stranger.txt"
    stranger.write_text("mine")
    gone, kept = remove(spec, [], places)
    assert len(gone) == 5
    assert not kept
    assert len(locate(spec, places).missing) == 4
    assert stranger.read_text() == "mine"
    assert not (pulled / "PixArt-alpha").exists()


def test_what_another_model_needs_stays(spec: ModelSpec, places: Places, pulled: Path):
    other = dataclasses.replace(
        spec, name="other", files=(WeightFile("up.safetensors", "checkpoint"),)
    )
    gone, kept = remove(spec, [other], places)
    assert [path.name for path in gone] == ["model.safetensors"]
    assert len(kept) == 4
    assert not locate(other, places).missing
    assert len(remove(other, [spec], places)[0]) == 4
