"""Adapters of the catalog on this machine: found in the order of models, pulled under a licence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.catalog.spec import WeightFile
from ltxserve.catalog.weights.adapters import (
    AdapterRow,
    every_row,
    locate_row,
    named_row,
    need_of,
    place_of_path,
)
from ltxserve.catalog.weights.hub import Hub
from ltxserve.catalog.weights.keep import remove, verify
from ltxserve.catalog.weights.needs import place_of
from ltxserve.catalog.weights.places import Places
from ltxserve.catalog.weights.pull import Wish, pull
from ltxserve.errors import LtxserveError
from tests.hub import StandIn, stand_in
from tests.unit.catalog.weights.conftest import safetensors

CATALOG = load_catalog()
CAMERA, UNNAMED = CATALOG.lora("camera-dolly-in"), CATALOG.lora("ltxv-squish")
CONTENT = safetensors(2000)
REPOS = {
    CAMERA.repo: {CAMERA.file: CONTENT, "README.md": b"words"},
    UNNAMED.repo: {"squish.safetensors": CONTENT, "preview.gif": b"moves"},
}


@pytest.fixture
def served() -> Iterator[tuple[StandIn, Hub]]:
    with stand_in(REPOS) as (stand, hub, _):
        yield stand, hub


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(configured=tmp_path / "models", volumes=(), home=tmp_path / "home", caches=())


@pytest.mark.parametrize("name", [CAMERA.name, UNNAMED.name])
def test_an_adapter_is_pulled_to_where_it_is_found(
    name: str, places: Places, served: tuple[StandIn, Hub]
):
    stand, hub = served
    row = AdapterRow.of(CATALOG.lora(name), CATALOG)
    assert place_of(row.need, places) is None
    wish = Wish(row, accepted=("all",))
    (path,) = pull(wish, places, hub, lambda pulling: None)
    assert path.suffix == ".safetensors"
    assert path.read_bytes() == CONTENT
    assert path == place_of(row.need, places)
    assert {file for file in stand.sent if "README" in file or "gif" in file} == set()
    sent = dict(stand.sent)
    pull(wish, places, hub, lambda pulling: None)
    assert stand.sent == sent
    assert [(item.path, item.fault) for item in verify(row, places)] == [(path, "")]
    assert remove(row, every_row(CATALOG)[:5], places) == ((path,), ())
    assert locate_row(row, places).blocking


def test_a_file_that_a_model_needs_outlives_its_adapter(
    places: Places, served: tuple[StandIn, Hub]
):
    row = AdapterRow.of(CAMERA, CATALOG)
    file = WeightFile(CAMERA.file, "checkpoint", repo=CAMERA.repo)
    encoder = WeightFile("squish.safetensors", "text_encoder", repo=UNNAMED.repo)
    model = replace(CATALOG.model("ltx-2-19b-distilled"), files=(file, encoder))
    paths = pull(Wish(model, accepted=("all",)), places, served[1], lambda pulling: None)
    assert remove(row, [model], places) == ((), paths[:1])
    assert remove(model, [], places) == (paths, ())


def test_names_are_of_adapters_or_models():
    assert named_row("Camera-Dolly-In", CATALOG) == AdapterRow.of(CAMERA, CATALOG)
    assert named_row("tiny", CATALOG) == CATALOG.model("tiny")
    with pytest.raises(LtxserveError) as caught:
        named_row("neither", CATALOG)
    assert caught.value.code == "unknown_model"
    names = [row.name for row in every_row(CATALOG)]
    assert {"tiny", CAMERA.name} < set(names)
    assert len(names) == len(set(names))


def test_its_licence_has_to_be_accepted(places: Places, served: tuple[StandIn, Hub]):
    row = AdapterRow.of(CAMERA, CATALOG)
    assert row.licence.name == "ltx-2-community"
    with pytest.raises(LtxserveError) as caught:
        pull(Wish(row), places, served[1], lambda pulling: None)
    assert caught.value.code == "licence_not_accepted"
    assert CAMERA.name in caught.value.hint


def test_of_several_files_none_is_taken_for_an_unnamed_one(places: Places):
    folder = places.target() / UNNAMED.repo
    folder.mkdir(parents=True)
    need = need_of(UNNAMED)
    assert place_of(need, places) is None
    (folder / "one.safetensors").write_bytes(CONTENT)
    assert place_of(need, places) == folder / "one.safetensors"
    (folder / "two.safetensors").write_bytes(CONTENT)
    assert place_of(need, places) is None


def test_every_row_names_one_need():
    for row in CATALOG.loras.values():
        need = AdapterRow.of(row, CATALOG).need
        assert need.is_folder == (not row.file)
        assert need.repo.count("/") == 1


def test_paths_are_looked_for_here_and_then_under_folders_of_weights(
    places: Places, tmp_path: Path
):
    inside = places.target() / "mine" / "a.safetensors"
    inside.parent.mkdir(parents=True)
    inside.write_bytes(CONTENT)
    assert place_of_path("mine/a.safetensors", places) == inside
    assert place_of_path(str(inside), places) == inside
    assert place_of_path("mine/b.safetensors", places) is None
    assert place_of_path(str(tmp_path / "a.safetensors"), places) is None
    outside = replace(places, configured=inside.parent)
    assert place_of_path("../a.safetensors", outside) is None
