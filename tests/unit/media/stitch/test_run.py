"""The whole way: frames by number, blends by measure, sound by clicks, files whole or absent."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from ltxserve.errors import Cancelled, MediaError, RequestRefused
from ltxserve.media.colour import to_yuv420
from ltxserve.media.decode import read_video
from ltxserve.media.metadata import read_metadata
from ltxserve.media.probe import probe
from ltxserve.media.sound import frames_of
from ltxserve.media.stitch.parse import parse_stitch
from ltxserve.media.stitch.run import Writing, look_and_plan, write_stitch
from ltxserve.progress import Progress
from tests.guards.tree import ROOT
from tests.unit.media.samples import RATES, flat_clip
from tests.unit.media.stitch.material import (
    click_times,
    clicks,
    clip,
    numbered,
    numbers,
    sharp,
    stitched,
    tone,
)

SAMPLE = 1 / 48000
CROSSFADE = {"kind": "crossfade", "seconds": 0.5}


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Three clips of 33 frames, numbered on, each with a click at its own time."""
    return [
        clip(tmp_path / f"{i}.mp4", numbered(33, 33 * i), clicks([0.25 + 0.25 * i], 33 / 24))
        for i in range(3)
    ]


# ── the picture ─────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize("reencode", [False, True])
def test_a_cut_keeps_every_frame(
    tmp_path: Path, three: list[Path], suffix: str, reencode: bool
) -> None:
    output = {"format": suffix}
    read = stitched(tmp_path / f"a.{suffix}", three, reencode=reencode, output=output)
    assert read.numbers == list(range(99))
    assert read.made.file.num_frames == 99
    assert read.made.copied == (suffix == "mp4" and not reencode)


@pytest.mark.parametrize("fps", RATES)
def test_every_rate_is_exact(tmp_path: Path, fps: Fraction) -> None:
    two = [clip(tmp_path / f"{i}.mp4", numbered(20, 20 * i), fps=fps) for i in range(2)]
    read = stitched(tmp_path / "a.mp4", two, reencode=True)
    info = probe(tmp_path / "a.mp4").video
    assert info is not None
    assert (info.fps, info.num_frames, read.numbers) == (fps, 40, list(range(40)))


def test_the_cut_is_where_it_was_asked(tmp_path: Path, three: list[Path]) -> None:
    parts = [{"start_frame": 9}, {"start": 0.5, "end": 1.0}, {"end_frame": -3}]
    read = stitched(tmp_path / "a.mp4", three, clips_=parts)
    assert read.numbers == [*range(9, 33), *range(33 + 12, 33 + 24), *range(66, 96)]
    assert not read.made.copied


def test_the_middle_of_a_crossfade_is_the_blend(tmp_path: Path) -> None:
    """13 frames overlap, so that one of them is exactly half of each."""
    a, b = flat_clip((200, 60, 40), 24), flat_clip((40, 120, 220), 24)
    two = [sharp(tmp_path / "a.mp4", a), sharp(tmp_path / "b.mp4", b)]
    fade = {"kind": "crossfade", "seconds": 13 / 24}
    read = stitched(tmp_path / "x.mp4", two, transition=fade, output={"crf": 1})
    assert len(read.frames) == 24 + 24 - 13
    for index in range(13):
        share = (index + 0.5) / 13
        wanted = a[0, 0, 0] * (1 - share) + b[0, 0, 0] * share
        assert np.abs(read.frames[11 + index].mean((0, 1)) - wanted).max() < 3
    assert np.abs(read.frames[10].mean((0, 1)) - a[0, 0, 0]).max() < 3
    assert np.abs(read.frames[24].mean((0, 1)) - b[0, 0, 0]).max() < 3


def test_a_fade_goes_through_black(tmp_path: Path) -> None:
    a, b = flat_clip((200, 200, 200), 24), flat_clip((180, 180, 180), 24)
    two = [sharp(tmp_path / "a.mp4", a), sharp(tmp_path / "b.mp4", b)]
    fade = {"kind": "fade", "seconds": 0.5}
    light = stitched(tmp_path / "x.mp4", two, transition=fade).frames.mean((1, 2, 3))
    assert len(light) == 48
    assert light[17] == pytest.approx(200, abs=2)
    assert light[23] < 25
    assert light[24] < 25
    assert light[30] == pytest.approx(180, abs=2)
    assert np.all(np.diff(light[17:24]) < 0)


def test_each_clip_may_have_its_own_transition(tmp_path: Path, three: list[Path]) -> None:
    own: list[dict[str, Any]] = [{}, {"transition": CROSSFADE}, {}]
    read = stitched(tmp_path / "a.mp4", three, clips_=own)
    assert len(read.frames) == 99 - 12
    assert read.numbers[:21] == list(range(21))
    assert read.numbers[33:] == list(range(45, 99))


@pytest.mark.parametrize(("fps", "shown"), [(48, 2), (12, Fraction(1, 2)), (60, Fraction(5, 2))])
def test_another_rate_shows_the_frame_of_the_moment(
    tmp_path: Path, fps: int, shown: Fraction
) -> None:
    one = clip(tmp_path / "a.mp4", numbered(24))
    read = stitched(tmp_path / "b.mp4", [one], fps=fps)
    assert read.numbers == [int(i / shown) for i in range(24 * fps // 24)]


@pytest.mark.parametrize("speed", [0.5, 2, 1.5])
def test_speed(tmp_path: Path, speed: float) -> None:
    one = clip(tmp_path / "a.mp4", numbered(24))
    read = stitched(tmp_path / "b.mp4", [one], clips_=[{"speed": speed}])
    assert read.numbers == [int(i * speed) for i in range(round(24 / speed))]


@pytest.mark.parametrize(
    ("fit", "corner", "left"), [("crop", 200, 200), ("pad", 0, 200), ("stretch", 200, 200)]
)
def test_clips_of_another_shape_are_fitted(
    tmp_path: Path, fit: str, corner: int, left: int
) -> None:
    wide = numbered(4, 0, 128, 64)
    tall = np.full((4, 128, 64, 3), 200, np.uint8)
    two = [clip(tmp_path / "a.mp4", wide), clip(tmp_path / "b.mp4", tall)]
    read = stitched(tmp_path / "c.mp4", two, fit=fit)
    assert read.frames.shape == (8, 64, 128, 3)
    assert read.frames[6, 32, 10].mean() == pytest.approx(corner, abs=4)
    assert read.frames[6, 32, 64].mean() == pytest.approx(left, abs=4)


def test_a_late_part_of_a_long_clip_is_exact(tmp_path: Path) -> None:
    """Reached by seeking: the same frames and the same sound as by reading on."""
    frames = np.concatenate([numbered(240, 0, 64, 32), numbered(240, 0, 64, 32)])
    at = [15.0, 17.5]
    one = clip(tmp_path / "a.mp4", frames, clicks(at, 20))
    for first in (239, 351, 352, 407, 470):
        read = stitched(tmp_path / "b.mp4", [one], clips_=[{"start_frame": first}])
        assert read.numbers == [i % 240 for i in range(first, 480)]
        assert read.sound is not None
        wanted = [t - first / 24 for t in at if t > first / 24]
        assert click_times(read.sound) == pytest.approx(wanted, abs=SAMPLE)


# ── the sound ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_the_sound_stays_with_the_picture(tmp_path: Path, three: list[Path], suffix: str) -> None:
    read = stitched(tmp_path / f"a.{suffix}", three, output={"format": suffix})
    assert read.sound is not None
    wanted = [0.25, 33 / 24 + 0.5, 66 / 24 + 0.75]
    assert click_times(read.sound) == pytest.approx(wanted, abs=SAMPLE)
    assert abs(read.sound.num_samples - 99 * 2000) <= (0 if suffix == "mp4" else 480)


def test_crossfades_keep_picture_and_sound_together(tmp_path: Path, three: list[Path]) -> None:
    read = stitched(tmp_path / "a.mp4", three, transition=CROSSFADE)
    assert read.sound is not None
    assert (len(read.frames), read.sound.num_samples) == (99 - 24, (99 - 24) * 2000)
    wanted = [0.25, 21 / 24 + 0.5, 42 / 24 + 0.75]
    assert click_times(read.sound, 0.2) == pytest.approx(wanted, abs=SAMPLE)


def test_no_drift_over_many_joints_at_an_odd_rate(tmp_path: Path) -> None:
    """30000/1001 fps: no joint lies on a sample; errors must not add up."""
    fps = Fraction(30000, 1001)
    one = clip(tmp_path / "a.mp4", numbered(17), clicks([0.2], 1.0), fps)
    read = stitched(tmp_path / "b.mp4", [one] * 40, reencode=True)
    assert read.sound is not None
    wanted = [float(17 * i / fps) + 0.2 for i in range(40)]
    assert click_times(read.sound) == pytest.approx(wanted, abs=1.5 * SAMPLE)
    assert len(read.frames) == 40 * 17


def test_a_picture_that_begins_after_its_sound(tmp_path: Path) -> None:
    """A foreign file whose frames start at 0.5 s: sound before them is left out, not shifted."""
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as output:
        video, audio = output.add_stream("libx264", rate=24), output.add_stream("pcm_s16le", 48000)
        video.width, video.height, video.pix_fmt = 128, 64, "yuv420p"
        audio.layout = "mono"
        for block in frames_of(clicks([0.25, 1.0], 2.0)):
            output.mux(audio.encode(_as_s16(block)))
        for place, picture in enumerate(numbered(36)):
            frame = to_yuv420(picture)
            frame.pts, frame.time_base = place + 12, Fraction(1, 24)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    read = stitched(tmp_path / "a.mp4", [path])
    assert read.numbers == list(range(36))
    assert read.sound is not None
    assert click_times(read.sound) == pytest.approx([0.5], abs=0.0011)  # Matroska counts in ms


def _as_s16(block: av.AudioFrame) -> av.AudioFrame:
    samples = (block.to_ndarray() * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts = block.sample_rate, block.pts
    frame.time_base = block.time_base
    return frame


def test_foreign_colours_come_out_right(tmp_path: Path) -> None:
    """Untagged BT.601, as most tools write small clips, between two of our own BT.709 clips."""
    colour = (200, 60, 40)
    own = clip(tmp_path / "own.mp4", flat_clip(colour, 6))
    path = tmp_path / "foreign.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=24, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for picture in flat_clip(colour, 6):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            output.mux(stream.encode(frame))  # PyAV's own conversion: BT.601, no tags
        output.mux(stream.encode(None))
    read = stitched(tmp_path / "a.mp4", [own, path, own])
    assert not read.made.copied
    assert np.abs(read.frames.mean((1, 2)) - colour).max() < 5


def test_another_library_counts_the_same(tmp_path: Path, three: list[Path]) -> None:
    """OpenCV's own FFmpeg reads every frame of a copy and of an encoding."""
    for reencode in (False, True):
        stitched(tmp_path / "a.mp4", three, reencode=reencode)
        capture = cv2.VideoCapture(str(tmp_path / "a.mp4"))
        seen = []
        while (frame := capture.read())[0]:
            seen.append(frame[1][..., ::-1])
        capture.release()
        assert numbers(np.stack(seen)) == list(range(99))


def test_a_clip_without_sound_is_silent_in_its_place(tmp_path: Path, three: list[Path]) -> None:
    mute = clip(tmp_path / "mute.mp4", numbered(24, 100))
    read = stitched(tmp_path / "a.mp4", [mute, three[0]])
    assert read.sound is not None
    assert click_times(read.sound) == pytest.approx([1.25], abs=SAMPLE)
    none = stitched(tmp_path / "b.mp4", [mute, mute])
    assert none.sound is None
    assert stitched(tmp_path / "c.mp4", three, audio=False).sound is None


def test_volume(tmp_path: Path) -> None:
    one = clip(tmp_path / "a.mp4", numbered(24), tone(1.0))
    parts = [{"volume": 1}, {"volume": 0.5}, {"volume": 0}]
    read = stitched(tmp_path / "b.mp4", [one] * 3, clips_=parts)
    assert read.sound is not None
    level = [np.sqrt(np.mean(s**2)) for s in np.split(read.sound.samples[0], 3)]
    assert level[1] == pytest.approx(level[0] / 2, rel=0.03)
    assert level[2] < 0.002


@pytest.mark.parametrize("wanted", [-14, -20, -30])
def test_the_loudness_is_what_was_asked(tmp_path: Path, wanted: float) -> None:
    one = clip(tmp_path / "a.mp4", numbered(48), tone(2.0))
    two = clip(tmp_path / "b.mp4", numbered(48, 48), tone(2.0, 700, 0.1))
    read = stitched(tmp_path / "c.mp4", [one, two], loudness=wanted)
    assert read.made.loudness == pytest.approx(wanted, abs=0.3)
    assert read.made.warnings == ()
    assert read.made.copied
    assert read.sound is not None
    assert np.abs(read.sound.samples).max() < 0.9


def test_what_loudness_cannot_do_is_said(tmp_path: Path, three: list[Path]) -> None:
    read = stitched(tmp_path / "a.mp4", three, loudness=-10)
    assert "instead of -10" in read.made.warnings[0]
    mute = clip(tmp_path / "mute.mp4", numbered(24))
    assert "nothing to hear" in stitched(tmp_path / "b.mp4", [mute], loudness=-14).made.warnings[0]


# ── the file ────────────────────────────────────────────────────────────────────────────────
def test_the_file_is_as_all_others(tmp_path: Path, three: list[Path]) -> None:
    path = tmp_path / "a.mp4"
    stitch = parse_stitch({"clips": [{"source": "x"}] * 3, "transition": CROSSFADE})
    made = write_stitch(stitch, three, Writing(path, {"clips": "three"}))
    info = probe(path)
    assert info.faststart
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.colour.space, info.video.colour.range) == ("bt709", "limited")
    assert (info.video.profile, info.video.pix_fmt) == ("High", "yuv420p")
    assert read_metadata(path) == {"clips": "three"}
    assert made.file.bytes == path.stat().st_size
    assert len(made.file.sha256) == 64


def test_progress_and_cancel(tmp_path: Path, three: list[Path]) -> None:
    told: list[Progress] = []

    def stop(progress: Progress) -> None:
        told.append(progress)
        if progress.step == 40:
            raise Cancelled()

    before = set(tmp_path.iterdir())
    stitch = parse_stitch({"clips": [{"source": "x"}] * 3, "reencode": True})
    with pytest.raises(Cancelled):
        write_stitch(stitch, three, Writing(tmp_path / "a.mp4", observer=stop))
    assert set(tmp_path.iterdir()) == before
    assert [p.step for p in told] == list(range(41))
    assert {(p.stage, p.of) for p in told} == {("stitch", 99)}


def test_a_clip_that_breaks_off_leaves_nothing(tmp_path: Path, three: list[Path]) -> None:
    whole = three[1].read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(RequestRefused) as refused:
        stitched(tmp_path / "a.mp4", [three[0], broken, tmp_path / "none.mp4"])
    assert refused.value.codes == ("media_unreadable", "media_not_found")
    assert [p.field for p in refused.value.problems] == ["clips.1.source", "clips.2.source"]
    assert not (tmp_path / "a.mp4").exists()


def test_a_folder_is_not_overwritten(tmp_path: Path, three: list[Path]) -> None:
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(MediaError) as error:
        stitched(tmp_path / "a.mp4", three)
    assert error.value.code == "output_invalid"


def test_planning_makes_nothing(tmp_path: Path, three: list[Path]) -> None:
    before = set(tmp_path.iterdir())
    plan = look_and_plan(parse_stitch({"clips": [{"source": "x"}] * 3}), three)
    assert (plan.num_frames, set(tmp_path.iterdir())) == (99, before)


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from ltxserve.media.stitch.parse import parse_stitch\n"
        "from ltxserve.media.stitch.run import Writing, write_stitch\n"
        "clip, out, n = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])\n"
        "stitch = parse_stitch({'clips': [{'source': 'x'}] * n, 'loudness': -20,"
        " 'transition': {'kind': 'crossfade', 'seconds': 0.25}})\n"
        "write_stitch(stitch, [clip] * n, Writing(out))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    one = clip(tmp_path / "a.mp4", numbered(48, 0, 320, 192), tone(2.0))

    def peak(count: int) -> int:
        words = [sys.executable, "-c", code, str(one), str(tmp_path / "b.mp4"), str(count)]
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        return int(subprocess.run(words, env=env, check=True, capture_output=True).stdout)

    few, many = peak(4), peak(40)
    # 1,584 frames more are 146 MB of yuv420p and 292 MB of RGB.
    assert many - few < 40_000
    assert len(read_video(tmp_path / "b.mp4", max_frames=1).frames) == 1
