"""Pulling from a stand-in hub over HTTP: what breaks on the way, and what is there afterwards."""

import dataclasses
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.catalog import ModelSpec
from ltxserve.catalog.weights.check import read_record
from ltxserve.catalog.weights.hub import Hub
from ltxserve.catalog.weights.licences import accept
from ltxserve.catalog.weights.needs import locate
from ltxserve.catalog.weights.places import Places
from ltxserve.catalog.weights.pull import Pulling, Wish, part_of, place_in, pull
from ltxserve.errors import LtxserveError
from tests.hub import TOKEN, StandIn, stand_in
from tests.unit.catalog.weights.conftest import REPOS, TEXT, VENDOR

WEIGHTS = "model.safetensors"
Served = tuple[StandIn, Hub]


@pytest.fixture
def served() -> Iterator[Served]:
    with stand_in(REPOS) as (stand, hub, _):
        yield stand, hub


def wish(spec: ModelSpec, **fields: object) -> Wish:
    return dataclasses.replace(Wish(spec, accepted=("all",)), **fields)


class Notes:
    """What a pull told."""

    def __init__(self) -> None:
        self.told: list[Pulling] = []

    def __call__(self, pulling: Pulling) -> None:
        self.told.append(pulling)

    def states(self, path: str) -> list[str]:
        return list(dict.fromkeys(p.state for p in self.told if p.file.endswith(path)))


def failing(spec: ModelSpec, places: Places, hub: Hub, **fields: object) -> LtxserveError:
    with pytest.raises(LtxserveError) as caught:
        pull(wish(spec, **fields), places, hub, Notes())
    return caught.value


def test_just_the_files_of_the_row_come(spec: ModelSpec, places: Places, served: Served):
    stand, hub = served
    notes = Notes()
    paths = pull(wish(spec), places, hub, notes)
    root = places.target()
    assert paths[0] == root / VENDOR / WEIGHTS
    assert paths[0].read_bytes() == REPOS[VENDOR][WEIGHTS]
    assert not locate(spec, places).missing
    assert "text_encoder/picture.png" not in stand.sent
    assert notes.states(WEIGHTS) == ["fetching", "checking", "done"]
    assert notes.told[-1].done == notes.told[-1].of
    record = read_record(root, VENDOR, WEIGHTS)
    assert record is not None
    assert record.digest.startswith("sha256:")
    parts = [path for path in (root / ".ltxserve" / "parts").rglob("*") if path.is_file()]
    assert all(path.suffix == ".lock" for path in parts)


def test_what_is_there_is_not_fetched_again(spec: ModelSpec, places: Places, served: Served):
    stand, hub = served
    pull(wish(spec), places, hub, Notes())
    before = dict(stand.sent)
    notes = Notes()
    pull(wish(spec), places, hub, notes)
    assert stand.sent == before
    assert notes.states(WEIGHTS) == ["there"]


def test_optional_files_can_be_left_out(spec: ModelSpec, places: Places, served: Served):
    pull(wish(spec, only_needed=True), places, served[1], Notes())
    assert "up.safetensors" not in served[0].sent
    assert not locate(spec, places).blocking


def test_an_interrupted_download_goes_on_where_it_was(
    spec: ModelSpec, places: Places, served: Served
):
    stand, hub = served
    size = len(REPOS[VENDOR][WEIGHTS])
    stand.trouble.cuts = [20_000]
    pull(wish(spec), places, hub, Notes())
    assert (
        place_in(places.target(), hub.file(VENDOR, WEIGHTS)).read_bytes() == REPOS[VENDOR][WEIGHTS]
    )
    assert stand.sent[WEIGHTS] < size + 4096  # what had come was asked for once


def test_a_killed_pull_goes_on_in_the_next_process(spec: ModelSpec, places: Places, served: Served):
    stand, hub = served
    part = part_of(hub.file(VENDOR, WEIGHTS), places.target())
    part.parent.mkdir(parents=True)
    part.write_bytes(REPOS[VENDOR][WEIGHTS][:30_000])
    pull(wish(spec), places, hub, Notes())
    assert stand.sent[WEIGHTS] == len(REPOS[VENDOR][WEIGHTS]) - 30_000
    assert (places.target() / VENDOR / WEIGHTS).read_bytes() == REPOS[VENDOR][WEIGHTS]


def test_a_part_that_is_too_long_is_begun_anew(spec: ModelSpec, places: Places, served: Served):
    hub = served[1]
    part = part_of(hub.file(VENDOR, WEIGHTS), places.target())
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(60_000))
    pull(wish(spec), places, hub, Notes())
    assert (places.target() / VENDOR / WEIGHTS).read_bytes() == REPOS[VENDOR][WEIGHTS]


def test_wrong_content_is_fetched_anew_once(spec: ModelSpec, places: Places, served: Served):
    stand, hub = served
    stand.trouble.lies = {WEIGHTS: 1}
    pull(wish(spec), places, hub, Notes())
    assert (places.target() / VENDOR / WEIGHTS).read_bytes() == REPOS[VENDOR][WEIGHTS]


def test_content_that_stays_wrong_never_appears(spec: ModelSpec, places: Places, served: Served):
    stand, hub = served
    stand.trouble.lies = {WEIGHTS: 9}
    error = failing(spec, places, hub)
    assert error.code == "download_corrupt"
    assert WEIGHTS in error.message
    assert not (places.target() / VENDOR / WEIGHTS).exists()
    assert not part_of(hub.file(VENDOR, WEIGHTS), places.target()).exists()


def test_two_pullers_fetch_once(spec: ModelSpec, places: Places, served: Served):
    stand, hub = served
    failures: list[BaseException] = []

    def go() -> None:
        try:
            pull(wish(spec), places, hub, Notes())
        except LtxserveError as error:
            failures.append(error)

    both = [threading.Thread(target=go) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert not failures
    assert stand.sent[WEIGHTS] == len(REPOS[VENDOR][WEIGHTS])


def test_a_gated_repository_is_explained(spec: ModelSpec, places: Places):
    with stand_in(REPOS, "hf_a_secret_of_somebody") as (stand, hub, server):
        stand.trouble.gated = {TEXT}
        error = failing(spec, places, hub)
        assert error.code == "repository_gated"
        assert f"https://huggingface.co/{TEXT}" in error.hint
        assert "HF_TOKEN" in error.hint
        assert "hf_a_secret" not in str(error) + repr(error.__cause__)
        pull(wish(spec), places, dataclasses.replace(hub, token=TOKEN), Notes())
        assert any(TOKEN in request.headers.get("authorization", "") for request in server.seen)


def test_a_licence_comes_first(spec: ModelSpec, places: Places, served: Served):
    stand, hub = served
    with pytest.raises(LtxserveError) as caught:
        pull(Wish(spec), places, hub, Notes())
    assert caught.value.code == "licence_not_accepted"
    assert not stand.sent
    accept(spec.licence, places.target())
    assert pull(Wish(spec), places, hub, Notes())


def test_a_file_that_the_hub_lacks_is_named(spec: ModelSpec, places: Places, served: Served):
    del served[0].repos[VENDOR][WEIGHTS]
    error = failing(spec, places, served[1])
    assert error.code == "weights_missing"
    assert WEIGHTS in error.message


def test_a_hub_that_is_down(spec: ModelSpec, places: Places, served: Served):
    served[0].trouble.down = True
    assert failing(spec, places, served[1]).code == "hub_unavailable"
    assert failing(spec, places, Hub("http://127.0.0.1:9", "x")).code == "hub_unavailable"


def test_offline_the_hub_is_not_asked(spec: ModelSpec, places: Places):
    with stand_in(REPOS, offline=True) as (_, hub, server):
        error = failing(spec, places, hub)
        assert error.code == "weights_missing"
        assert "switched off" in error.message
        assert not server.seen


def test_a_disk_too_small_is_found_before_the_download(
    spec: ModelSpec, places: Places, served: Served
):
    error = failing(spec, places, served[1], reserve=2**60)
    assert error.code == "storage_full"
    assert not served[0].sent


def test_a_disk_that_fills_up_keeps_what_came(spec: ModelSpec, tmp_path: Path, served: Served):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(small)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    places = Places(configured=small, volumes=(), home=small, caches=())
    try:
        error = failing(spec, places, served[1], reserve=-(2**30))
        part = part_of(served[1].file(VENDOR, WEIGHTS), small)
        assert error.code == "storage_full"
        assert 0 < part.stat().st_size < len(REPOS[VENDOR][WEIGHTS])
        assert not (small / VENDOR / WEIGHTS).exists()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_target_that_is_no_folder(spec: ModelSpec, tmp_path: Path, served: Served):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    places = Places(configured=blocked / "models", volumes=(), home=tmp_path, caches=())
    assert failing(spec, places, served[1]).code == "storage_refused"
