"""Everything a file holds, counted; and files that are not what they claim."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from ltxserve.errors import MediaError
from ltxserve.media.encode import write_video
from ltxserve.media.probe import AudioInfo, ColourTags, probe
from ltxserve.media.sound import write_wav
from tests.unit.media.samples import RATES, click, moving_clip, target

BT709 = ColourTags("bt709", "bt709", "bt709", "limited")


@pytest.mark.parametrize("fps", RATES)
def test_mp4(tmp_path: Path, fps: Fraction) -> None:
    clip = moving_clip(37)
    write_video([clip], target(tmp_path / "a.mp4", clip, fps), click(0.5, 3.0))
    info = probe(tmp_path / "a.mp4")
    assert info.video is not None
    assert (info.container, info.faststart) == ("mp4", True)
    assert (info.video.codec, info.video.profile, info.video.pix_fmt) == (
        "h264",
        "High",
        "yuv420p",
    )
    assert (info.video.width, info.video.height) == (128, 96)
    assert (info.video.num_frames, info.video.fps, info.video.colour) == (37, fps, BT709)
    assert info.seconds == float(37 / fps)
    assert info.audio == AudioInfo("aac", 48000, 2, round(37 * 48000 / fps))
    assert info.bytes == (tmp_path / "a.mp4").stat().st_size


def test_webm(tmp_path: Path) -> None:
    clip = moving_clip(13)
    write_video([clip], target(tmp_path / "a.webm", clip), click(0.2, 1.0, 24000, 1))
    info = probe(tmp_path / "a.webm")
    assert info.video is not None
    assert (info.container, info.faststart) == ("webm", None)
    assert (info.video.codec, info.video.num_frames, info.video.colour) == ("vp9", 13, BT709)
    assert info.audio == AudioInfo("opus", 48000, 1, 26000)


def test_gif(tmp_path: Path) -> None:
    clip = moving_clip(13)
    write_video([clip], target(tmp_path / "a.gif", clip))
    info = probe(tmp_path / "a.gif")
    assert info.video is not None
    assert (info.container, info.video.codec, info.video.num_frames) == ("gif", "gif", 13)
    assert (info.video.fps, info.audio) == (24, None)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(24000, 1001)])
def test_png_folder(tmp_path: Path, fps: Fraction) -> None:
    clip = moving_clip(5)
    written = write_video([clip], target(tmp_path / "a", clip, fps), click(0.1, 1.0, 16000, 1))
    info = probe(tmp_path / "a")
    assert info.video is not None
    assert (info.container, info.video.num_frames, info.video.fps) == ("png", 5, fps)
    assert (info.video.width, info.video.height, info.bytes) == (128, 96, written.bytes)
    assert info.audio == AudioInfo("pcm_s16le", 16000, 1, round(5 * 16000 / fps))


def test_sound_alone(tmp_path: Path) -> None:
    write_wav(click(0.5, 1.25), tmp_path / "a.wav")
    info = probe(tmp_path / "a.wav")
    assert info.video is None
    assert (info.container, info.seconds) == ("wav", 1.25)


def test_index_behind_the_data_is_seen(tmp_path: Path) -> None:
    """FFmpeg's own order, without faststart."""
    clip = moving_clip(3)
    path = write_video([clip], target(tmp_path / "a.mp4", clip)).path
    with av.open(str(path)) as fast, av.open(str(tmp_path / "slow.mp4"), "w") as slow:
        stream = slow.add_stream_from_template(fast.streams.video[0])
        for packet in fast.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                slow.mux(packet)
    assert probe(tmp_path / "slow.mp4").faststart is False


def test_refused(tmp_path: Path) -> None:
    clip = moving_clip(20)
    data = write_video([clip], target(tmp_path / "a.mp4", clip)).path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    (tmp_path / "head.mp4").write_bytes(data[:40])
    (tmp_path / "text.mp4").write_text("no media at all")
    (tmp_path / "empty.mp4").touch()
    for name in ("cut", "head", "text", "empty"):
        with pytest.raises(MediaError) as caught:
            probe(tmp_path / f"{name}.mp4")
        assert caught.value.code == "media_unreadable", name
    with pytest.raises(MediaError) as caught:
        probe(tmp_path)
    assert caught.value.code == "media_unreadable"
