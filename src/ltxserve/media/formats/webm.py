"""WebM: VP9 and Opus; slower to encode than MP4 and smaller."""

from __future__ import annotations

from ltxserve.media.formats.container import ContainerFormat

WEBM = ContainerFormat(
    muxer="webm",
    # Without bitexact the muxer writes a random number, and equal clips would differ.
    muxer_options={"fflags": "+bitexact"},
    video_codec="libvpx-vp9",
    # b=0 makes crf the only measure of quality; cpu-used 4 is libvpx's advice for good quality
    # that is not archived.
    video_options={"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    crf=24,
    crf_range=(0, 63),
    audio_codec="libopus",
    audio_options={},
    audio_rates=(48000,),  # Opus is 48 kHz inside whatever it is fed
)
