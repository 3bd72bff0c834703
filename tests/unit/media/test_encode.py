"""One function for every format: colours, counts, sync, streaming, refusals, nothing left."""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from ltxserve.errors import Cancelled, MediaError
from ltxserve.media.colour import Pixels
from ltxserve.media.decode import read_sound
from ltxserve.media.encode import WAITING_FRAMES, check_target, write_video
from ltxserve.media.frames import psnr
from ltxserve.media.sound import Sound
from tests.services import wait_until
from tests.unit.media.samples import RATES, click, flat_clip, moving_clip, target

NAMES = ["a.mp4", "a.webm", "a.gif", "a"]


def bt709_to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """By the formula of ITU-R BT.709, from the stored planes: no code of ours or FFmpeg's."""
    planes = [
        np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[
            : plane.height, : plane.width
        ]
        for plane in frame.planes
    ]
    luma = (planes[0].astype(float) - 16) / 219
    blue, red = ((p.astype(float).repeat(2, 0).repeat(2, 1) - 128) / 224 for p in planes[1:])
    r, b = luma + 1.5748 * red, luma + 1.8556 * blue
    return np.stack([r, (luma - 0.2126 * r - 0.0722 * b) / 0.7152, b], -1) * 255


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize(
    "colour", [(220, 30, 40), (30, 200, 60), (30, 60, 220), (250, 250, 250), (5, 5, 5)]
)
def test_colours_by_independent_arithmetic(
    tmp_path: Path, suffix: str, colour: tuple[int, int, int]
) -> None:
    clip = flat_clip(colour)
    path = write_video([clip], target(tmp_path / f"a.{suffix}", clip)).path
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert (frame.colorspace, frame.color_primaries) == (1, 1)
            assert (frame.color_trc, frame.color_range) == (1, 1)
            assert np.abs(bt709_to_rgb(frame) - colour).max() <= 4


def test_another_library_sees_the_same(tmp_path: Path) -> None:
    """OpenCV's own FFmpeg; colour must not slip sideways off its shape either."""
    clip = moving_clip(12)
    path = write_video([clip], target(tmp_path / "a.mp4", clip)).path
    capture = cv2.VideoCapture(str(path))
    for index in range(12):
        found, picture = capture.read()
        assert found
        seen = picture[..., ::-1].astype(int)
        redness = (seen[..., 0] - seen[..., 1])[42]
        red = redness - redness[-1]
        assert np.abs(seen[42, index + 12] - clip[index, 42, index + 12]).max() <= 25
        centre = (red * np.arange(128)).sum() / red.sum()
        assert centre == pytest.approx(index + 11.5, abs=0.35)
    assert not capture.read()[0]
    capture.release()


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize("with_sound", [False, True])
def test_every_frame_at_its_exact_time(
    tmp_path: Path, fps: Fraction, suffix: str, with_sound: bool
) -> None:
    clip = moving_clip(50, 64, 64)
    sound = click(0.4, 1.0, 24000) if with_sound else None
    path = write_video([clip], target(tmp_path / f"a.{suffix}", clip, fps), sound).path
    with av.open(str(path)) as container:
        times = [
            Fraction(f.pts or 0) * Fraction(f.time_base or 0) for f in container.decode(video=0)
        ]
        ends = container.duration
    tolerance = 0 if suffix == "mp4" else Fraction(1, 1000)  # WebM's clock ticks in ms
    assert len(times) == 50
    assert all(abs(time - index / fps) <= tolerance for index, time in enumerate(times))
    assert ends is not None
    assert abs(ends / 1e6 - 50 / fps) < (0.0001 if suffix == "mp4" else 0.03)


def test_aac_is_within_one_block_of_the_picture(tmp_path: Path) -> None:
    clip = moving_clip(49, 64, 64)
    path = write_video([clip], target(tmp_path / "a.mp4", clip), click(1.0, 9.0)).path
    with av.open(str(path)) as container:
        decoded = sum(frame.samples for frame in container.decode(audio=0))
        declared = container.streams.audio[0].duration
    assert declared == 98000
    assert 0 <= decoded - 98000 < 1024


@pytest.mark.parametrize("hertz", [50, 440, 3000])
def test_a_pure_tone_stays_pure(tmp_path: Path, hertz: int) -> None:
    """Coders that are good at noise can be bad at this, and it is what one hears first."""
    wave = 0.8 * np.sin(2 * np.pi * hertz * np.arange(48000) / 48000)
    clip = moving_clip(24, 64, 64)
    given = Sound(np.stack([wave, wave]).astype(np.float32), 48000)
    path = write_video([clip], target(tmp_path / "a.mp4", clip), given).path
    inner = slice(4000, 44000)
    error = read_sound(path).samples[0, inner] - wave[inner]
    assert 10 * np.log10(np.mean(wave[inner] ** 2) / np.mean(error**2)) > 30


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_sound_fits(tmp_path: Path, rate: int, channels: int) -> None:
    clip = moving_clip(3, 64, 64)
    for name in ("a.mp4", "a.webm", "a"):
        written = write_video(
            [clip], target(tmp_path / name, clip), click(0.01, 0.02, rate, channels)
        )
        assert written.has_sound


def test_one_frame_and_no_samples(tmp_path: Path) -> None:
    clip = moving_clip(1, 64, 64)
    for name in NAMES:
        sound = Sound(np.zeros((2, 0), np.float32), 24000)
        assert write_video([clip], target(tmp_path / name, clip), sound).num_frames == 1


@pytest.mark.parametrize("name", NAMES)
def test_sound_is_asked_for_after_the_frames(tmp_path: Path, name: str) -> None:
    clip, events = moving_clip(4, 64, 64), []

    def frames() -> Iterator[Pixels]:
        yield clip[:1]
        yield clip[1:]
        events.append("frames")

    def sound() -> Sound:
        events.append("sound")
        return click(0.1, 0.2)

    written = write_video(frames(), target(tmp_path / name, clip), sound)
    assert events == ["frames", "sound"]
    assert written.has_sound == (name != "a.gif")
    assert not write_video([clip], target(tmp_path / name, clip), lambda: None).has_sound


def test_frames_are_encoded_while_later_ones_are_made(tmp_path: Path) -> None:
    """The second chunk is made only once the first frame is there (PNG: a file of its own)."""
    clip = moving_clip(4, 64, 64)

    def frames() -> Iterator[Pixels]:
        yield clip[:2]
        wait_until(lambda: list(tmp_path.rglob("frame_00000.png")))
        yield clip[2:]

    assert write_video(frames(), target(tmp_path / "a", clip)).num_frames == 4
    assert not [each for each in threading.enumerate() if each.name.startswith("behind")]


def test_an_encoder_that_breaks_stops_who_makes_the_frames(tmp_path: Path) -> None:
    clip, made = moving_clip(8, 64, 64), []

    def frames() -> Iterator[Pixels]:
        yield clip
        for folder in tmp_path.iterdir():
            shutil.rmtree(folder)
        while True:
            made.append(True)
            yield clip

    with pytest.raises(MediaError) as caught:
        write_video(frames(), target(tmp_path / "a", clip))
    assert caught.value.code == "media_write_failed"
    assert len(made) * len(clip) <= WAITING_FRAMES + 2 * len(clip)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_chunks_do_not_matter(tmp_path: Path, name: str) -> None:
    # At 128 pixels: below, x264's mbtree reads memory it never wrote, and bytes differ by chance.
    clip = moving_clip(9, 128, 128)
    one = write_video([clip], target(tmp_path / name, clip))
    many = write_video([clip[:4], clip[4], clip[5:5], clip[5:]], target(tmp_path / name, clip))
    assert (one.num_frames, many.num_frames) == (9, 9)
    assert one.sha256 == many.sha256


def test_what_is_reported(tmp_path: Path) -> None:
    clip = moving_clip(12, 64, 64)
    written = write_video([clip], target(tmp_path / "a.mp4", clip))
    data = written.path.read_bytes()
    assert written.bytes == len(data)
    assert written.sha256 == hashlib.sha256(data).hexdigest()
    assert (written.media_type, written.format, written.has_sound) == ("video/mp4", "mp4", False)
    assert (written.width, written.height, written.fps, written.seconds) == (64, 64, 24, 0.5)
    size = {"width": 64, "height": 64, "num_frames": 12}
    assert written.extent == {**size, "fps": 24.0, "seconds": 0.5, "has_sound": False}
    assert data.index(b"moov") < data.index(b"mdat")
    assert b"colrnclx\0\1\0\1\0\1" in data


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_crf_is_heard(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    sizes = [
        write_video([noise], target(tmp_path / f"a.{suffix}", noise, crf=crf)).bytes
        for crf in (0, 20, 50)
    ]
    assert sizes == sorted(sizes, reverse=True)
    with av.open(str(tmp_path / f"a.{suffix}")) as container:
        assert container.streams.video[0].profile in {"High", "Profile 0"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt, OSError, ZeroDivisionError])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_break_leaves_nothing(
    tmp_path: Path, name: str, error: type[BaseException], earlier: bool
) -> None:
    """Whatever the frames raise comes out as it is, and the folder is as it was."""
    clip = moving_clip(8, 64, 64)
    path = tmp_path / name
    if earlier:
        write_video([clip], target(path, clip))
    before = contents(tmp_path)

    def frames() -> Iterator[Pixels]:
        yield clip
        raise error

    def broken_sound() -> Sound:
        raise error

    with pytest.raises(error):
        write_video(frames(), target(path, clip))
    with pytest.raises(error):
        write_video([clip], target(path, clip), broken_sound)
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", NAMES)
def test_wrong_frames(tmp_path: Path, name: str) -> None:
    clip = moving_clip(2, 64, 64)
    goal = target(tmp_path / name, clip)
    wrong = [[], [clip[:, :32]], [clip.astype(np.float32)], [clip[..., :2]], [clip, clip[:, 1:]]]
    for frames in wrong:
        with pytest.raises(MediaError) as caught:
            write_video(frames, goal)
        assert caught.value.code == "media_write_failed"
    assert os.listdir(tmp_path) == []


def test_refused_before_any_frame_is_made(tmp_path: Path) -> None:
    good = target(tmp_path / "a.mp4", moving_clip(1, 64, 64))
    (tmp_path / "folder").mkdir()
    refused = [
        replace(good, width=63),
        replace(good, height=63),
        replace(good, format="webm", width=63),
        replace(good, format="avi"),
        replace(good, width=0),
        replace(good, width=20000),
        replace(good, fps=Fraction(0)),
        replace(good, fps=Fraction(1000)),
        replace(good, metadata={"not a key": "x"}),
        replace(good, path=tmp_path / "folder"),
    ]
    check_target(good)
    for goal in refused:
        with pytest.raises(MediaError) as caught:
            write_video(iter_that_must_not_start(), goal)
        assert caught.value.code == "output_invalid"


def iter_that_must_not_start() -> Iterator[Pixels]:
    raise AssertionError("frames were made for a target that is refused")
    yield


@pytest.mark.parametrize("name", ["a.gif", "a"])
def test_odd_sizes_where_they_are_possible(tmp_path: Path, name: str) -> None:
    clip = moving_clip(3, 65, 57)
    assert write_video([clip], target(tmp_path / name, clip)).width == 65


def test_no_place_to_write(tmp_path: Path) -> None:
    clip = moving_clip(1, 64, 64)
    (tmp_path / "file").touch()
    with pytest.raises(MediaError) as caught:
        write_video([clip], target(tmp_path / "file" / "a.mp4", clip))
    assert caught.value.code == "media_write_failed"


MEASURE = """
import resource, sys
from pathlib import Path
from fractions import Fraction
from ltxserve.media.encode import EncodeTarget, write_video
from ltxserve.media.sound import Sound
from tests.services import wait_until
from tests.unit.media.samples import click, moving_clip

path, kind, count, side = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
chunks = (moving_clip(10, side, side, first=start) for start in range(0, count, 10))
sound = click(0.5, count / 24)
write_video(chunks, EncodeTarget(path, kind, Fraction(24), side, side), lambda: sound)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize(("kind", "side"), [("mp4", 256), ("gif", 176), ("png", 176)])
def test_memory_does_not_grow_with_length(tmp_path: Path, kind: str, side: int) -> None:
    """Peak of the process, 600 frames against 150: raw frames would add 118 or 56 MB."""

    def peak_mb(count: int) -> float:
        command = [sys.executable, "-c", MEASURE, str(tmp_path / "a"), kind, str(count), str(side)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert run.returncode == 0, run.stderr
        return int(run.stdout) / 1024

    assert peak_mb(600) - peak_mb(150) < 20


def test_soft_pictures_keep_40_db(tmp_path: Path) -> None:
    clip = moving_clip(6, 128, 128)
    clip[:, 30:54] = clip[:, 0:24]  # without the hard-edged square
    path = write_video([clip], target(tmp_path / "a.mp4", clip)).path
    with av.open(str(path)) as container:
        for frame, wanted in zip(container.decode(video=0), clip, strict=True):
            assert psnr(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), wanted) > 40
