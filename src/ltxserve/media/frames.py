"""Pictures as arrays: fitting to a size, the mark a codec leaves, comparing two."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from av import CodecContext
from av.video.codeccontext import VideoCodecContext
from PIL import Image

from ltxserve.errors import MediaError
from ltxserve.media.colour import SITING, Pixels, tag_bt709, to_rgb, to_yuv420
from ltxserve.media.failures import writing


def fit_crop(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale a picture or clip until it covers width x height, and cut the middle out.

    Proportions are kept. `pixels` is (h, w, 3) or (n, h, w, 3); the result has the same number
    of dimensions. Lanczos, with the cut at fractions of a pixel, so nothing shifts.
    """
    rows, columns = pixels.shape[-3:-1]
    scale = max(width / columns, height / rows)
    cut_width, cut_height = min(columns, width / scale), min(rows, height / scale)
    left, top = (columns - cut_width) / 2, (rows - cut_height) / 2
    return _scaled(pixels, width, height, (left, top, left + cut_width, top + cut_height))


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale a picture or clip to exactly width x height (Lanczos); proportions may change."""
    rows, columns = pixels.shape[-3:-1]
    return _scaled(pixels, width, height, (0, 0, columns, rows))


def recompress(picture: Pixels, crf: int) -> Pixels:
    """A picture (h, w, 3) as it looks after H.264 at this CRF: 1 (fine) to 51; 0 changes nothing.

    LTX models were trained on frames of compressed video; a too clean first picture makes them
    produce a still. Preset and codec are those of Lightricks' own code.
    """
    if crf == 0:
        return picture
    if not 0 < crf <= 51:
        raise MediaError("output_invalid", f"CRF {crf} does not exist.", "Use 0 to 51.", "crf")
    rows, columns = picture.shape[:2]
    even = np.pad(picture, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")
    with writing("the recompressed picture"):
        return np.ascontiguousarray(_through_h264(even, crf)[:rows, :columns])


def psnr(first: Pixels, second: Pixels) -> float:
    """Peak signal-to-noise ratio in dB between equal shapes; infinite when they are equal."""
    error = float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _scaled(
    pixels: Pixels, width: int, height: int, box: tuple[float, float, float, float]
) -> Pixels:
    if pixels.ndim == 4:
        return np.stack([_scaled(picture, width, height, box) for picture in pixels])
    rows, columns = pixels.shape[:2]
    if (columns, rows) == (width, height) and box == (0, 0, columns, rows):
        return pixels
    scaled = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS, box=box)
    return np.asarray(scaled, dtype=np.uint8).copy()


def _through_h264(picture: Pixels, crf: int) -> Pixels:
    encoder = CodecContext.create("libx264", "w")
    decoder = CodecContext.create("h264", "r")
    assert isinstance(encoder, VideoCodecContext)
    assert isinstance(decoder, VideoCodecContext)
    encoder.height, encoder.width = picture.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1)
    encoder.options = {**SITING, "crf": str(crf), "preset": "veryfast"}
    tag_bt709(encoder)
    packets = [*encoder.encode(to_yuv420(picture)), *encoder.encode(None)]
    frames = [f for packet in packets for f in decoder.decode(packet)] + decoder.decode(None)
    return to_rgb(frames[0])
