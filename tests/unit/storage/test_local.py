"""The folder store's own promises: what a crash, a hand or a full disk leaves behind."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ltxserve.errors import StorageError
from ltxserve.storage.links import Links
from ltxserve.storage.local import LocalStore, translated

KEY = "acc/job/1/video.mp4"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "files", Links(["s"]), "http://host:1")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(b"0123456789")
    return path


def leftovers(store: LocalStore) -> list[Path]:
    return list((store.path("a").parent / ".parts").iterdir())


def test_a_file_lies_under_its_key(store: LocalStore, made: Path):
    store.put(KEY, made, "video/mp4")
    assert store.path(KEY).read_bytes() == b"0123456789"
    assert store.path(KEY).parts[-4:] == tuple(KEY.split("/"))
    assert leftovers(store) == []


def test_what_a_killed_put_left_is_swept_by_a_later_process(store: LocalStore):
    parts = store.path("a").parent / ".parts"
    for name, age in (("old", 100_000), ("new", 1000)):
        (parts / name).write_bytes(b"half")
        then = time.time() - age
        os.utime(parts / name, (then, then))
    LocalStore(parts.parent, Links(["s"]))
    assert [part.name for part in leftovers(store)] == ["new"]


def test_urls_hold_no_path(store: LocalStore):
    url = store.url(KEY, 60)
    assert url.startswith("http://host:1/files/")
    assert "video" not in url


def test_files_put_there_by_hand_are_measured_once(store: LocalStore):
    path = store.path(KEY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"by hand")
    stored = store.stat(KEY)
    assert stored is not None
    assert (stored.bytes, stored.media_type) == (7, "video/mp4")
    assert store.stat(KEY) == stored


def test_a_note_of_another_file_is_not_believed(store: LocalStore, made: Path):
    """As a crash would leave it between the two writes of an overwriting put."""
    stored = store.put(KEY, made, "image/png")
    store.path(KEY).write_bytes(b"9876543210")
    os.utime(store.path(KEY), ns=(1, 1))
    found = store.stat(KEY)
    assert found is not None
    assert found.sha256 != stored.sha256


def test_a_broken_note_is_no_note(store: LocalStore, made: Path):
    stored = store.put(KEY, made, "video/mp4")
    note = next((store.path("a").parent / ".meta").rglob("video.mp4~"))
    assert json.loads(note.read_text())["sha256"] == stored.sha256
    note.write_text("{")
    assert store.stat(KEY) == stored


def test_a_folder_is_no_file(store: LocalStore, made: Path):
    store.put(KEY, made, "video/mp4")
    assert store.stat("acc/job") is None
    assert store.stat(f"{KEY}/deeper") is None


def test_delete_leaves_no_empty_folders(store: LocalStore, made: Path):
    store.put(KEY, made, "video/mp4")
    store.delete(KEY)
    root = store.path("a").parent
    assert sorted(path.name for path in root.rglob("*")) == [".meta", ".parts"]


def test_a_reader_keeps_what_it_opened(store: LocalStore, tmp_path: Path):
    big = tmp_path / "big"
    big.write_bytes(b"a" * 5_000_000)
    store.put(KEY, big, "video/mp4")
    pieces = store.open(KEY)
    first = next(pieces)
    store.delete(KEY)
    assert first + b"".join(pieces) == b"a" * 5_000_000


def test_put_and_delete_in_one_folder_at_once(store: LocalStore, made: Path):
    stop = threading.Event()

    rounds: list[int] = []

    def churn() -> None:
        while not stop.is_set():
            store.put("acc/job/1/other.mp4", made, "video/mp4")
            store.delete("acc/job/1/other.mp4")
        rounds.append(1)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(50):
            store.put(KEY, made, "video/mp4")
            store.delete(KEY)
    finally:
        stop.set()
        thread.join()
    assert rounds == [1]
    assert store.stat(KEY) is None


def test_no_half_file_after_a_write_that_fails(store: LocalStore, tmp_path: Path):
    """A limit on file size stands for any write error in the middle."""
    big = tmp_path / "big"
    big.write_bytes(b"a" * 400_000)
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from ltxserve.errors import StorageError\n"
        "from ltxserve.storage.links import Links\nfrom ltxserve.storage.local import LocalStore\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "store = LocalStore(Path(sys.argv[1]), Links(['s']))\n"
        "try:\n    store.put('a/b', Path(sys.argv[2]), 'video/mp4')\n"
        "except StorageError as error:\n    print(error.code)\n"
    )
    root = store.path("a").parent
    run = subprocess.run(
        [sys.executable, "-c", code, str(root), str(big)], capture_output=True, text=True
    )
    assert run.stdout == "storage_unavailable\n", run.stderr
    assert store.stat("a/b") is None
    assert leftovers(store) == []


def test_full_disk(made: Path):
    """/dev/full answers every write with "no space left on device"."""
    with pytest.raises(StorageError) as caught, translated(), open("/dev/full", "wb") as full:
        full.write(b"x" * 100_000)
        full.flush()
    assert caught.value.code == "storage_full"


def test_a_source_that_is_not_there(store: LocalStore, tmp_path: Path):
    with pytest.raises(StorageError) as caught:
        store.put(KEY, tmp_path / "none", "video/mp4")
    assert caught.value.code == "storage_unavailable"
