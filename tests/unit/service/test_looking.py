"""Facts of what is in the store, once each; nothing is fetched."""

from pathlib import Path

import pytest

from ltxserve.errors import MediaError
from ltxserve.service.looking import Looking
from ltxserve.service.sources import KEPT
from ltxserve.storage.base import ArtifactStore
from ltxserve.storage.links import Links
from ltxserve.storage.local import LocalStore
from tests.unit.service.given import sound, video


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "files", Links(["s"]))


def kept(store: ArtifactStore, content: bytes, name: str, folder: Path) -> str:
    path = folder / "sent"
    path.write_bytes(content)
    store.put(f"acct/up/{name}", path, "application/octet-stream")
    return f"{KEPT}acct/up/{name}"


def test_a_kept_video(store: LocalStore, tmp_path: Path):
    eyes = Looking(store).eyes
    source = kept(store, video(tmp_path), "a.mp4", tmp_path)
    facts = eyes.video(source)
    assert facts is not None
    assert (facts.num_frames, facts.has_sound) == (5, False)
    store.delete("acct/up/a.mp4")
    assert eyes.video(source) is facts, "it is read once"


def test_a_kept_sound(store: LocalStore, tmp_path: Path):
    eyes = Looking(store).eyes
    assert eyes.sound(kept(store, sound(tmp_path), "a.wav", tmp_path)) == 0.5
    with pytest.raises(MediaError) as caught:
        eyes.sound(kept(store, video(tmp_path), "b.mp4", tmp_path))
    assert caught.value.code == "media_unsupported"


def test_nothing_is_fetched(store: LocalStore):
    eyes = Looking(store).eyes
    for source in ("https://x.example/a.mp4", "data:video/mp4;base64,AAAA", "/etc/passwd"):
        assert eyes.video(source) is None
        assert eyes.sound(source) is None


def test_what_cannot_be_read_is_left_to_the_worker(store: LocalStore, tmp_path: Path):
    eyes = Looking(store).eyes
    assert eyes.video(kept(store, b"job 1 job 1 job 1", "c.mp4", tmp_path)) is None
