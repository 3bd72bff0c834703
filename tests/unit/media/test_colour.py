"""BT.709 both ways against the formula of the standard, and the tags of what is read."""

import av
import numpy as np
import pytest
from av import VideoFrame
from av.video.codeccontext import VideoCodecContext

from ltxserve.media.colour import tag_bt709, to_rgb, to_yuv420
from ltxserve.media.frames import psnr
from tests.unit.media.samples import flat_clip, moving_clip

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)]


def standard_yuv(colour: tuple[int, int, int]) -> list[float]:
    """ITU-R BT.709, limited range."""
    red, green, blue = (value / 255 for value in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = ((blue - luma) / 1.8556, (red - luma) / 1.5748)
    return [16 + 219 * luma, 128 + 224 * chroma[0], 128 + 224 * chroma[1]]


@pytest.mark.parametrize("colour", COLOURS)
def test_written_numbers_are_bt709(colour: tuple[int, int, int]) -> None:
    frame = to_yuv420(flat_clip(colour)[0])
    stored = [np.frombuffer(bytes(plane), np.uint8)[0] for plane in frame.planes]
    assert frame.format.name == "yuv420p"
    assert np.abs(np.array(stored) - standard_yuv(colour)).max() <= 1


@pytest.mark.parametrize("colour", COLOURS)
def test_flat_colours_come_back(colour: tuple[int, int, int]) -> None:
    back = to_rgb(to_yuv420(flat_clip(colour)[0]))
    assert np.abs(back.astype(int) - colour).max() <= 2


def test_soft_pictures_keep_their_detail() -> None:
    picture = moving_clip(1)[0]
    picture[30:54] = picture[0:24]  # without the hard-edged square
    assert psnr(picture, to_rgb(to_yuv420(picture))) > 45


@pytest.mark.parametrize(
    ("matrix", "tag"), [("ITU709", 1), ("ITU601", 5), ("ITU601", 6), ("BT2020", 9)]
)
def test_tagged_matrix_is_honoured(matrix: str, tag: int) -> None:
    picture = flat_clip((220, 30, 40))[0]
    frame = VideoFrame.from_ndarray(picture).reformat(format="yuv420p", dst_colorspace=matrix)
    frame.colorspace = tag
    assert np.abs(to_rgb(frame).astype(int) - picture).max() <= 3


@pytest.mark.parametrize(("height", "matrix"), [(480, "ITU601"), (720, "ITU709")])
def test_untagged_follows_the_rule_of_players(height: int, matrix: str) -> None:
    picture = np.full((height, 64, 3), (220, 30, 40), np.uint8)
    frame = VideoFrame.from_ndarray(picture).reformat(format="yuv420p", dst_colorspace=matrix)
    frame.colorspace = 2
    assert np.abs(to_rgb(frame).astype(int) - picture).max() <= 3


def test_full_range_is_honoured() -> None:
    picture = flat_clip((250, 250, 250))[0]
    frame = VideoFrame.from_ndarray(picture).reformat(
        format="yuv420p", dst_colorspace="ITU709", dst_color_range="JPEG"
    )
    assert np.abs(to_rgb(frame).astype(int) - picture).max() <= 2


def test_tags() -> None:
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, VideoCodecContext)
    tag_bt709(codec)
    assert (codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range) == (
        1,
        1,
        1,
        1,
    )
