"""Sources of a settled request: brought once, from where they may come, and never a path."""

from pathlib import Path

import pytest

from ltxserve.errors import MediaError, StorageError
from ltxserve.media.fetch import FetchRules
from ltxserve.service.gathering import Gathering
from ltxserve.storage.links import Links
from ltxserve.storage.local import LocalStore
from tests.loopback import Loopback, Reply

OPEN = FetchRules(networks=("127.0.0.0/8",), ports=tuple(range(1024, 65536)))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "store", Links(("secret",)))
    (tmp_path / "picture.png").write_bytes(b"picture")
    store.put("acct/up/picture.png", tmp_path / "picture.png", "image/png")
    return store


@pytest.fixture
def gathering(store: LocalStore, tmp_path: Path) -> Gathering:
    (tmp_path / "room").mkdir()
    return Gathering(store, OPEN, tmp_path / "room")


def test_kept_files_become_files_here_and_the_request_stays_as_it_was(gathering: Gathering):
    source = "store:acct/up/picture.png"
    request = {
        "prompt": "a",
        "conditions": [{"source": source}, {"source": source, "frame": -1}],
    }
    local = gathering.localized(request)
    paths = {part["source"] for part in local["conditions"]} | {str(gathering.file(source))}
    assert len(paths) == 1, "brought once"
    path = Path(paths.pop())
    assert path.read_bytes() == b"picture"
    assert path.suffix == ".png"
    assert local["conditions"][1]["frame"] == -1
    assert request["conditions"][0]["source"] == source


def test_urls_are_fetched_by_the_rules(gathering: Gathering, store: LocalStore, tmp_path: Path):
    with Loopback(lambda request: Reply(body=b"moving")) as server:
        url = f"http://127.0.0.1:{server.port}/clip.mp4"
        assert gathering.file(url).read_bytes() == b"moving"
        assert gathering.file(url) == gathering.file(url)
        assert len(server.seen) == 1
        strict = Gathering(store, FetchRules(), tmp_path)
        with pytest.raises(MediaError) as refusal:
            strict.file(url)
    assert refusal.value.code == "url_refused"


def test_a_data_uri_stays_what_it_is(gathering: Gathering):
    assert gathering.bring("DATA:image/png;base64,AAAA") == "DATA:image/png;base64,AAAA"
    with pytest.raises(MediaError):
        gathering.file("data:image/png;base64,AAAA")


@pytest.mark.parametrize(
    "source", ["/etc/hostname", "../secret", "file:///etc/hostname", "picture.png", ""]
)
def test_files_of_this_machine_are_not_read(gathering: Gathering, source: str):
    with pytest.raises(MediaError) as refusal:
        gathering.localized({"conditions": [{"source": source}]})
    assert refusal.value.code == "source_invalid"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("store:acct/up/gone.png", "file_not_found"),
        ("store:../../etc/hostname", "storage_key_invalid"),
    ],
)
def test_what_the_store_lacks_is_its_error(gathering: Gathering, source: str, code: str):
    with pytest.raises(StorageError) as refusal:
        gathering.file(source)
    assert refusal.value.code == code


def test_odd_shapes_are_left_for_the_parser(gathering: Gathering):
    request = {"conditions": "no list", "controls": [1, {"source": 2}], "clips": None}
    assert gathering.localized(request) == request
