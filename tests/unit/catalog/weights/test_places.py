"""The search order of weights, the Hugging Face cache through refs/main, and where pulls go."""

import dataclasses
from pathlib import Path

import pytest

from ltxserve.catalog.weights.places import Places, snapshot

REPO, FILE = "Lightricks/LTX-2", "sub/model.safetensors"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"w")
    return path


def cached(cache: Path, commit: str = "abc123", reference: str | None = None) -> Path:
    folder = cache / "models--Lightricks--LTX-2"
    file = put(folder / "snapshots" / commit / FILE)
    if reference is not None:
        put(folder / "refs" / "main").write_text(reference)
    return file


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(
        tmp_path / "explicit",
        tmp_path / "configured",
        (tmp_path / "runpod-volume" / "ltx-models", tmp_path / "runpod-volume"),
        tmp_path / "home",
        (tmp_path / "cache",),
    )


def test_the_order(places: Places, tmp_path: Path):
    assert places.find_file(REPO, FILE) is None
    nearest = [cached(tmp_path / "cache", reference="abc123\n")]
    for folder in reversed(("explicit", "configured", "runpod-volume", "home")):
        assert places.find_file(REPO, FILE) == nearest[-1]
        nearest.append(put(tmp_path / folder / REPO / FILE))
    assert places.find_file(REPO, FILE) == tmp_path / "explicit" / REPO / FILE


@pytest.mark.parametrize("lies", [f"{REPO}/{FILE}", f"LTX-2/{FILE}", FILE, "model.safetensors"])
def test_files_that_were_put_there_by_hand(places: Places, tmp_path: Path, lies: str):
    file = put(tmp_path / "configured" / lies)
    assert places.find_file(REPO, FILE) == file


def test_a_file_may_be_named_itself(places: Places, tmp_path: Path):
    file = put(tmp_path / "anywhere" / "model.safetensors")
    named = dataclasses.replace(places, explicit=file)
    assert named.find_file(REPO, FILE) == file
    assert named.find_file(REPO, "other.safetensors") is None
    assert named.target() == tmp_path / "configured"


def test_folders(places: Places, tmp_path: Path):
    assert places.find_folder(REPO, "sub") is None
    file = cached(tmp_path / "cache", reference="abc123")
    assert places.find_folder(REPO, "sub") == file.parent
    own = put(tmp_path / "home" / REPO / FILE)
    assert places.find_folder(REPO, "sub") == own.parent
    assert places.find_folder(REPO, "") == own.parent.parent


def test_refs_main_decides_between_snapshots(tmp_path: Path):
    cached(tmp_path, "old")
    newer = cached(tmp_path, "new", "new")
    assert snapshot(tmp_path, REPO) == newer.parent.parent
    cached(tmp_path, reference="gone")
    assert snapshot(tmp_path, REPO) is None


@pytest.mark.parametrize("reference", ["../../elsewhere", "", "/etc"])
def test_a_reference_leads_nowhere_else(tmp_path: Path, reference: str):
    cached(tmp_path, "one", reference)
    assert snapshot(tmp_path, REPO) is None


def test_one_snapshot_needs_no_reference(tmp_path: Path):
    file = cached(tmp_path, "one")
    assert snapshot(tmp_path, REPO) == file.parent.parent
    cached(tmp_path, "two")
    assert snapshot(tmp_path, REPO) is None


def test_a_folder_of_weights_may_be_a_cache(places: Places, tmp_path: Path):
    file = cached(tmp_path / "configured", reference="abc123")
    assert places.find_file(REPO, FILE) == file


def test_where_pulls_go(places: Places, tmp_path: Path):
    assert places.target() == tmp_path / "explicit"
    unnamed = dataclasses.replace(places, explicit=None, configured=None)
    assert unnamed.target() == tmp_path / "home"
    (tmp_path / "runpod-volume").mkdir()
    assert unnamed.target() == tmp_path / "runpod-volume" / "ltx-models"


def test_the_clients_own_cache_is_searched():
    assert Places().hub_caches() == tuple(p for p in Places().hub_caches() if p.is_dir())
    assert Places(caches=()).hub_caches() == ()
