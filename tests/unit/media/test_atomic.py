"""Files appear whole or not at all: exceptions, interrupts, a killed process, full folders."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ltxserve.errors import MediaError
from ltxserve.media.atomic import check_replaceable, is_partial, replacing
from ltxserve.media.encode import write_video
from ltxserve.media.probe import probe
from tests.unit.media.samples import moving_clip, target


def test_result_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.bin"
    with replacing(path) as draft:
        draft.result.write_bytes(b"new")
        assert not path.exists()
        assert is_partial(draft.folder)
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["a.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_and_the_old_stays(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def break_off() -> None:
        with replacing(path) as draft:
            draft.result.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        break_off()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_folder_replaces_folder(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    for count in (3, 2):
        with replacing(path) as draft:
            draft.result.mkdir()
            for index in range(count):
                (draft.result / str(index)).write_bytes(b"x")
        assert len(os.listdir(path)) == count
    assert os.listdir(tmp_path) == ["clip"]


def test_longest_names(tmp_path: Path) -> None:
    path = tmp_path / ("ß" * 127)  # 254 bytes, the limit is 255
    with replacing(path) as draft:
        draft.result.write_bytes(b"x")
    assert path.exists()


def test_parent_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(MediaError) as caught, replacing(tmp_path / "file" / "a.bin"):
        pass
    assert caught.value.code == "media_write_failed"


def test_nothing_was_written(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught, replacing(tmp_path / "a.bin"):
        pass
    assert caught.value.code == "media_write_failed"
    assert os.listdir(tmp_path) == []


def test_kinds_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    check_replaceable(file, folder=False)
    check_replaceable(tmp_path, folder=True)
    check_replaceable(tmp_path / "new", folder=False)
    for path, folder in ((file, True), (tmp_path, False)):
        with pytest.raises(MediaError) as caught:
            check_replaceable(path, folder=folder)
        assert caught.value.code == "output_invalid"


COUNT_WAITS = """
import os, sys
from pathlib import Path
from ltxserve.media.encode import write_video
from tests.unit.media.samples import moving_clip, target
from dataclasses import replace

waits = []
os.fsync = waits.append
clip = moving_clip(2, 64, 64)
goal = target(Path(sys.argv[1]), clip)
for durable in (False, True):
    write_video([clip], replace(goal, durable=durable))
    print(len(waits))
"""


@pytest.mark.parametrize(("name", "files"), [("a.mp4", 1), ("a", 3)])
def test_what_need_not_be_durable_does_not_wait_for_the_disk(
    tmp_path: Path, name: str, files: int
) -> None:
    command = [sys.executable, "-c", COUNT_WAITS, str(tmp_path / name)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.stdout.split() == ["0", str(files + 1)], run.stderr  # and the folder it lies in


ENDLESS_WRITER = """
import sys
from pathlib import Path
from ltxserve.media.encode import write_video
from tests.unit.media.samples import moving_clip, target

clip = moving_clip(10)

def endless():
    while True:
        yield clip
        print("chunk", flush=True)

write_video(endless(), target(Path(sys.argv[1]), clip))
"""


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a"])
def test_killed_in_the_middle(tmp_path: Path, name: str) -> None:
    """SIGKILL: no file under the final name; what is left is recognised; the next run works."""
    path = tmp_path / name
    command = [sys.executable, "-c", ENDLESS_WRITER, str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline() == b"chunk\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    left = list(tmp_path.iterdir())
    assert not path.exists()
    assert left
    assert all(is_partial(entry) for entry in left)

    clip = moving_clip(5)
    write_video([clip], target(path, clip))
    info = probe(path)
    assert info.video is not None
    assert info.video.num_frames == 5
