"""Frames and samples come out as they went in: place, rate, rotation, shape, sync."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av import AudioFrame, VideoFrame
from av.video.stream import VideoStream

from ltxserve.errors import MediaError
from ltxserve.media import decode
from ltxserve.media.decode import audio_stream, read_image, read_sound, read_video, stream_rate
from ltxserve.media.encode import write_video
from ltxserve.media.frames import psnr
from ltxserve.media.sound import write_wav
from ltxserve.media.source import locate, open_container
from tests.unit.media.samples import RATES, click, click_time, moving_clip, target


def raw_video(path: Path, places: list[int], side: tuple[int, int] = (64, 64)) -> None:
    """An mp4 at 24 fps, outside our writer: grey 5 * i at frame place `places[i]`."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=24, options={"crf": "10", "bf": "0"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *side, "yuv420p"
        for index, place in enumerate(places):
            picture = np.full((side[1], side[0], 3), 5 * index, np.uint8)
            frame = VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = place, Fraction(1, 24)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def greys(path: Path) -> list[int]:
    return [round(float(frame.mean()) / 5) for frame in read_video(path).frames]


def rotated(path: Path, matrix: list[int]) -> Path:
    """The same mp4 with another display matrix in its track header."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    for index, value in enumerate(matrix):
        unit = 1 << (30 if index % 3 == 2 else 16)
        data[start + 4 * index : start + 4 * index + 4] = (value * unit).to_bytes(4, signed=True)
    turned = path.with_name("turned.mp4")
    turned.write_bytes(data)
    return turned


@pytest.fixture
def clip_file(tmp_path: Path) -> Path:
    clip = moving_clip(21)
    return write_video([clip], target(tmp_path / "a.mp4", clip), click(0.5, 1.0)).path


def best_match(frame: np.ndarray) -> int:
    return int(np.argmax([psnr(frame, other) for other in moving_clip(21)]))


@pytest.mark.parametrize(("start", "count"), [(0, None), (0, 1), (5, 4), (20, 1), (18, 99)])
def test_frames_are_the_ones_asked_for(clip_file: Path, start: int, count: int | None) -> None:
    video = read_video(clip_file, start, count)
    expected = list(range(21))[start : None if count is None else start + count]
    assert video.frames.dtype == np.uint8
    assert video.fps == 24
    assert [best_match(frame) for frame in video.frames] == expected


def test_from_bytes(clip_file: Path) -> None:
    assert np.array_equal(
        read_video(clip_file.read_bytes()).frames, read_video(str(clip_file)).frames
    )


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_rates_and_counts(tmp_path: Path, fps: Fraction, suffix: str) -> None:
    clip = moving_clip(26, 64, 64)
    path = write_video([clip], target(tmp_path / f"a.{suffix}", clip, fps)).path
    video = read_video(path)
    assert (len(video.frames), video.fps) == (26, fps)
    assert min(psnr(*pair) for pair in zip(video.frames, clip, strict=True)) > 28


@pytest.mark.parametrize(
    ("matrix", "quarter_turns"),
    [([0, 1, 0, -1, 0, 0, 0, 0, 1], -1), ([-1, 0, 0, 0, -1, 0, 0, 0, 1], 2),
     ([0, -1, 0, 1, 0, 0, 0, 0, 1], 1)],
)  # fmt: skip
def test_rotation_is_honoured(clip_file: Path, matrix: list[int], quarter_turns: int) -> None:
    """The first matrix is that of a telephone held upright: turn clockwise to show."""
    upright = read_video(clip_file, 0, 1).frames[0]
    turned = read_video(rotated(clip_file, matrix), 0, 1).frames[0]
    assert np.array_equal(turned, np.rot90(upright, quarter_turns))


def test_varying_rate_keeps_time(tmp_path: Path) -> None:
    places = [0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    raw_video(tmp_path / "a.mp4", places)
    video = read_video(tmp_path / "a.mp4")
    assert len(video.frames) == pytest.approx(float(15 * video.fps / 24), abs=1.5)
    shown = greys(tmp_path / "a.mp4")
    seconds_of_last = shown.index(11) / float(video.fps)
    assert seconds_of_last == pytest.approx(14 / 24, abs=1 / 20)
    assert shown.count(2) > 1


def test_oblong_pixels_are_squared(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=24)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        frame = VideoFrame.from_ndarray(moving_clip(1, 64, 64)[0])
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert read_video(tmp_path / "a.mp4").frames.shape == (1, 64, 96, 3)


def test_cut_off_is_refused_at_every_length(clip_file: Path, tmp_path: Path) -> None:
    data = clip_file.read_bytes()
    for share in (0.02, 0.3, 0.6, 0.9):
        with pytest.raises(MediaError) as caught:
            read_video(data[: int(len(data) * share)])
        assert caught.value.code == "media_unreadable", share


def test_the_whole_part_of_a_cut_file_is_still_there(clip_file: Path) -> None:
    data = clip_file.read_bytes()
    assert len(read_video(data[: len(data) * 9 // 10], 0, 1).frames) == 1


@pytest.mark.parametrize(("start", "count"), [(21, None), (-1, None), (0, 0)])
def test_no_such_frames(clip_file: Path, start: int, count: int | None) -> None:
    with pytest.raises(MediaError) as caught:
        read_video(clip_file, start, count)
    assert caught.value.code == "media_unsupported"


def test_wrong_kinds(tmp_path: Path) -> None:
    write_wav(click(0.1, 0.3), tmp_path / "a.wav")
    raw_video(tmp_path / "a.mp4", [0, 1])
    with pytest.raises(MediaError) as no_picture:
        read_video(tmp_path / "a.wav")
    with pytest.raises(MediaError) as no_sound:
        read_sound(tmp_path / "a.mp4")
    with pytest.raises(MediaError) as no_url:
        read_video("https://example.org/a.mp4")
    codes = [caught.value.code for caught in (no_picture, no_sound, no_url)]
    assert codes == ["media_unsupported", "media_unsupported", "media_fetch_failed"]


def test_damage_is_never_another_error(clip_file: Path) -> None:
    random = np.random.default_rng(2)
    data = clip_file.read_bytes()
    for _ in range(60):
        broken = bytearray(data)
        for position in random.integers(0, min(len(data), 2500), 3):
            broken[position] = random.integers(0, 256)
        for reader in (read_video, read_sound):
            outcome = outcome_of(reader, bytes(broken))
            assert outcome == "fine" or outcome in decode_codes()


def outcome_of(reader: object, data: bytes) -> str:
    try:
        assert callable(reader)
        reader(data)
    except MediaError as error:
        return error.code
    return "fine"


def decode_codes() -> set[str]:
    return {"media_unreadable", "media_unsupported", "media_too_large"}


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize("fps", RATES)
def test_sound_is_exact_and_in_sync(tmp_path: Path, suffix: str, fps: Fraction) -> None:
    clip = moving_clip(31, 64, 64)
    path = tmp_path / f"a.{suffix}"
    write_video([clip], target(path, clip, fps), click(0.75, 5.0, rate=24000))
    sound = read_sound(path)
    assert sound.num_samples == round(31 * sound.sample_rate / fps)
    assert abs(click_time(sound) - 0.75) <= 1 / 24000


def test_sound_at_another_rate_and_channels(tmp_path: Path) -> None:
    write_wav(click(0.5, 1.0, rate=44100, channels=2), tmp_path / "a.wav")
    sound = read_sound(tmp_path / "a.wav", sample_rate=16000, channels=1)
    assert (sound.sample_rate, sound.channels, sound.num_samples) == (16000, 1, 16000)
    assert abs(click_time(sound) - 0.5) <= 2 / 16000
    assert read_sound(tmp_path / "a.wav").sample_rate == 44100


def test_surround_is_mixed_to_two(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.flac"), "w") as output:
        stream = output.add_stream("flac", rate=48000, layout="5.1")
        samples = np.zeros((1, 6 * 4800), np.int16)
        samples[:, ::6] = 8000  # front left
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="5.1")
        frame.sample_rate = 48000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    sound = read_sound(tmp_path / "a.flac")
    assert sound.channels == 2
    assert sound.samples[0].mean() > 10 * abs(sound.samples[1].mean())


def test_a_sound_that_starts_late_is_preceded_by_silence(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w", format="matroska") as output:
        stream = output.add_stream("flac", rate=48000, layout="mono")
        samples = np.full((1, 4800), 8000, np.int16)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 24000, Fraction(1, 48000)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    sound = read_sound(tmp_path / "a.mkv")
    assert int(np.argmax(np.abs(sound.samples[0]) > 0.1)) == pytest.approx(24000, abs=48)


def test_streams(clip_file: Path) -> None:
    with open_container(locate(clip_file)) as container:
        assert stream_rate(container, container.streams.video[0]) == 24
        assert audio_stream(container, "a").codec_context.sample_rate == 48000


def test_read_image_is_here_too() -> None:
    assert decode.read_image is read_image
