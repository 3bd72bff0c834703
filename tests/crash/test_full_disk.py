"""A disk that fills up: submissions are refused with a code, jobs wait, and all goes on after."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.errors import LtxserveError
from tests.crash.books import check
from tests.services import service, submit, wait_for, wait_until

pytestmark = pytest.mark.crash


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB; skips where it cannot be mounted."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(tmp_path)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_full_disk_loses_nothing(small_disk: Path) -> None:
    with service(small_disk) as app:
        ids = [submit(app, "steps=50 pause=0.01 preview").id for _ in range(5)]
        account = app.local_account()
        wait_for(app, app.generations.get(account, ids[0]))
        ball = small_disk / "ball"
        with contextlib.suppress(OSError), ball.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        with pytest.raises(LtxserveError) as refusal:
            for _ in range(100):  # what is left in the database's last pages may take some
                ids.append(submit(app, "steps=1").id)
        assert refusal.value.code == "storage_full"
        ball.unlink()
        ids += [submit(app, "steps=1").id for _ in range(5)]
        wait_until(lambda: all(app.generations.get(account, name).is_terminal for name in ids))
        ended = check(app, ids, {})
        errors = {(app.generations.get(account, name).error or {}).get("code") for name in ids}
    assert ended["succeeded"] >= len(ids) - 2
    assert errors <= {None, "storage_full", "storage_unavailable"}
