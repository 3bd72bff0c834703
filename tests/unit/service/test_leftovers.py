"""Files of attempts that did not win are removed, and nothing else."""

from pathlib import Path

from ltxserve.errors import StorageError
from ltxserve.service.leftovers import clear, keys_of, prefix_of
from ltxserve.storage.create import StoreConfig, create_store


def test_an_attempt_is_cleared(tmp_path: Path) -> None:
    store = create_store(StoreConfig(folder=str(tmp_path / "files"), secrets=("s" * 32,)))
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for attempt in (1, 2):
        for name in ("video.webm", "thumbnail.jpg"):
            store.put(f"{prefix_of('a', 'j', attempt)}/{name}", file, "video/webm")
    clear(store, [prefix_of("a", "j", 1)])
    kept = [key for attempt in (1, 2) for key in keys_of(f"a/j/{attempt}") if store.stat(key)]
    assert kept == ["a/j/2/video.webm", "a/j/2/thumbnail.jpg"]


def test_a_store_that_is_away_is_no_reason_to_fail(tmp_path: Path) -> None:
    del tmp_path

    class Away:
        asked = 0

        def delete(self, key: str) -> None:
            self.asked += 1
            raise StorageError("storage_unavailable", f"{key}: away")

    store = Away()
    clear(store, ["a/j/1"])  # pyright: ignore[reportArgumentType]
    assert store.asked == 1
