"""What every file store holds to: a folder, a real S3 server, Supabase's recorded protocol."""

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ltxserve.errors import StorageError
from ltxserve.storage.base import CHUNK
from tests.contracts.stores import Bench, local_bench, s3_bench, supabase_bench

BENCHES: dict[str, Callable[[Path], AbstractContextManager[Bench]]] = {
    "local": local_bench,
    "s3": s3_bench,
    "supabase": supabase_bench,
}
KEY = "acc-1/job_2/1/video.mp4"


@pytest.fixture(scope="module", params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    with BENCHES[request.param](tmp_path_factory.mktemp("store")) as made:
        yield made
        made.store.close()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key of this test's own."""
    name = "".join(c if c.isalnum() else "_" for c in request.node.name)
    return f"contract/{name}/video.mp4"


def file_of(folder: Path, content: bytes, name: str = "made.bin") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def whole(bench: Bench, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(bench.store.open(key, start, end))


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(StorageError) as caught:
        action()
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("size", [0, 1, 1000, 3 * CHUNK + 17, 15_000_000])
def test_what_is_put_is_read_back(bench: Bench, key: str, tmp_path: Path, size: int):
    content = os.urandom(size)
    stored = bench.store.put(key, file_of(tmp_path, content), "video/mp4")
    assert (stored.key, stored.bytes, stored.media_type) == (key, size, "video/mp4")
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert bench.store.stat(key) == stored
    pieces = list(bench.store.open(key))
    assert b"".join(pieces) == content
    bench.store.delete(key)


def test_parts_are_read(bench: Bench, key: str, tmp_path: Path):
    content = bytes(range(256)) * 10
    bench.store.put(key, file_of(tmp_path, content), "video/mp4")
    for start, end in ((0, 1), (10, 20), (2559, None), (5, 5), (2560, None), (100, 9999), (0, 0)):
        assert whole(bench, key, start, end) == content[start:end]


@pytest.mark.parametrize(("start", "end"), [(2561, None), (-1, None), (3, 2), (9999, 10000)])
def test_parts_that_do_not_exist(bench: Bench, tmp_path: Path, start: int, end: int | None):
    bench.store.put(KEY, file_of(tmp_path, b"x" * 2560), "video/mp4")
    assert code_of(lambda: bench.store.open(KEY, start, end)) == "range_invalid"


def test_nothing_there(bench: Bench):
    assert bench.store.stat("contract/nothing/here.mp4") is None
    assert code_of(lambda: bench.store.open("contract/nothing/here.mp4")) == "file_not_found"
    bench.store.delete("contract/nothing/here.mp4")


def test_deleted_is_gone(bench: Bench, key: str, tmp_path: Path):
    bench.store.put(key, file_of(tmp_path, b"x"), "video/mp4")
    bench.store.delete(key)
    assert bench.store.stat(key) is None
    assert code_of(lambda: bench.store.open(key)) == "file_not_found"


def test_deleting_one_keeps_its_neighbour(bench: Bench, tmp_path: Path):
    for name in ("a/video.mp4", "a/video.mp4.jpg", "ab/video.mp4"):
        bench.store.put(
            f"contract/neighbours/{name}", file_of(tmp_path, name.encode()), "video/mp4"
        )
    bench.store.delete("contract/neighbours/a/video.mp4")
    assert bench.store.stat("contract/neighbours/a/video.mp4") is None
    for name in ("a/video.mp4.jpg", "ab/video.mp4"):
        assert whole(bench, f"contract/neighbours/{name}") == name.encode()


def test_put_takes_the_place_of_an_earlier_file(bench: Bench, key: str, tmp_path: Path):
    bench.store.put(key, file_of(tmp_path, b"first, and longer"), "video/mp4")
    second = bench.store.put(key, file_of(tmp_path, b"second"), "image/png")
    assert whole(bench, key) == b"second"
    assert bench.store.stat(key) == second


def test_the_source_may_go_afterwards(bench: Bench, key: str, tmp_path: Path):
    path = file_of(tmp_path, b"kept")
    bench.store.put(key, path, "video/mp4")
    path.unlink()
    assert whole(bench, key) == b"kept"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/etc/passwd",
        "a/../b",
        "../a",
        "a//b",
        "a/",
        "./a",
        "a/.hidden",
        ".meta/a",
        "a\\b",
        "a\0b",
        "na\u00efve.mp4",
        "a b",
        "a?b",
        "a#b",
        "a%2e%2e",
        "~a",
        "a" * 600,
        "C:/a",
    ],
)
def test_keys_cannot_be_tricks(bench: Bench, tmp_path: Path, key: str):
    path = file_of(tmp_path, b"x")
    for action in (
        lambda: bench.store.put(key, path, "video/mp4"),
        lambda: bench.store.open(key),
        lambda: bench.store.stat(key),
        lambda: bench.store.delete(key),
        lambda: bench.store.url(key, 60),
    ):
        assert code_of(action) == "storage_key_invalid"


def test_a_link_reads_the_file_with_its_type(bench: Bench, key: str, tmp_path: Path):
    bench.store.put(key, file_of(tmp_path, b"0123456789"), "video/mp4")
    answer = bench.read(bench.store.url(key, 60))
    assert (answer.ok, answer.body) == (True, b"0123456789")
    assert answer.headers["content-type"] == "video/mp4"
    assert "attachment" not in answer.headers.get("content-disposition", "")
    assert bench.read(bench.store.url(key, 60), (2, 5)).body == b"234"


def test_a_link_names_the_download(bench: Bench, key: str, tmp_path: Path):
    bench.store.put(key, file_of(tmp_path, b"x"), "video/mp4")
    answer = bench.read(bench.store.url(key, 60, "red ball.mp4"))
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "red" in answer.headers["content-disposition"]
    assert "ball.mp4" in answer.headers["content-disposition"]


def test_a_link_ends(bench: Bench, key: str, tmp_path: Path):
    bench.store.put(key, file_of(tmp_path, b"x"), "video/mp4")
    assert bench.read(bench.old_link(key, 60, age=30)).ok
    assert not bench.read(bench.old_link(key, 60, age=62)).ok


@pytest.mark.parametrize("expires_in", [0, -1, 8 * 86400])
def test_a_link_ends_in_a_time_that_makes_sense(bench: Bench, expires_in: int):
    with pytest.raises(ValueError, match="seconds"):
        bench.store.url(KEY, expires_in)


def test_a_link_that_was_changed_reads_nothing(bench: Bench, tmp_path: Path):
    for name in ("mine", "theirs"):
        path = file_of(tmp_path, name.encode())
        bench.store.put(f"contract/tamper/{name}.mp4", path, "video/mp4")
    url = bench.store.url("contract/tamper/mine.mp4", 60)
    assert bench.read(url).body == b"mine"
    assert not bench.read(url[:-3] + ("aaa" if url[-3:] != "aaa" else "bbb")).ok
    server, told = url[: url.index("/", 8)], url[url.index("/", 8) :]
    for other in (told.replace("mine", "theirs"), told.replace("60", "600", 1)):
        assert other == told or not bench.read(server + other).ok  # a port may hold a 60, too


def test_a_link_to_a_deleted_file_reads_nothing(bench: Bench, key: str, tmp_path: Path):
    bench.store.put(key, file_of(tmp_path, b"x"), "video/mp4")
    url = bench.store.url(key, 60)
    bench.store.delete(key)
    assert not bench.read(url).ok


def test_many_at_once(bench: Bench, tmp_path: Path):
    paths = [file_of(tmp_path, os.urandom(50_000), f"{n}.bin") for n in range(8)]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        key = f"contract/many/{number}/video.mp4"
        try:
            for _ in range(3):
                bench.store.put(key, paths[number], "video/mp4")
                assert whole(bench, key) == paths[number].read_bytes()
                bench.store.delete(key)
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(paths))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
