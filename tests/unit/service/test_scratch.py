"""A worker's folder: gone with the job, gone with the worker, and swept up after a kill."""

import subprocess
import sys
from pathlib import Path

import pytest

from ltxserve.service.scratch import PREFIX, Scratch, in_use, sweep

HOLDER = """
import sys
from pathlib import Path
from ltxserve.service.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
(scratch.folder / "half.mp4").write_bytes(b"half")
print("ready", flush=True)
sys.stdin.read()
"""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")


def test_a_room_is_gone_after_its_job_whatever_happened(tmp_path: Path):
    scratch = Scratch(tmp_path)
    with pytest.raises(RuntimeError), scratch.room() as room:
        (Path(room) / "video.mp4").touch()
        raise RuntimeError
    assert not Path(room).exists()
    assert scratch.folder.is_dir()
    scratch.close()
    assert not scratch.folder.exists()


def test_only_what_the_dead_left_is_swept(tmp_path: Path):
    mine = Scratch(tmp_path)
    (tmp_path / f"{PREFIX}just-being-made").mkdir()
    (tmp_path / "somebody-elses").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        assert sweep(tmp_path) == 0
        other.kill()
        other.wait()
        assert sweep(tmp_path) == 1
    assert mine.folder.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [mine.folder.name, f"{PREFIX}just-being-made", "somebody-elses"]
    )
    mine.close()


def test_those_in_use_are_counted(tmp_path: Path):
    assert in_use(tmp_path) == 0
    scratch = Scratch(tmp_path)
    (tmp_path / f"{PREFIX}half-made").mkdir()
    assert in_use(tmp_path) == 1
    scratch.close()
    assert in_use(tmp_path) == 0
