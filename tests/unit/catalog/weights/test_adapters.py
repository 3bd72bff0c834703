"""Adapters of the catalog on this machine: found in the order of models, pulled under a licence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.catalog.weights.adapters import AdapterRow, need_of, place_of_path
from ltxserve.catalog.weights.hub import Hub
from ltxserve.catalog.weights.needs import place_of
from ltxserve.catalog.weights.places import Places
from ltxserve.catalog.weights.pull import Wish, pull
from ltxserve.errors import LtxserveError
from tests.hub import StandIn, stand_in

CATALOG = load_catalog()
CAMERA, UNNAMED = CATALOG.lora("camera-dolly-in"), CATALOG.lora("ltxv-squish")
CONTENT = b"\x02\x00\x00\x00\x00\x00\x00\x00{}" + bytes(2000)
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
