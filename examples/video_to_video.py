"""A video made over by another prompt: the lower the strength, the more of it stays."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from _options import read

import ltxserve
from ltxserve.media.frames import psnr

STRENGTHS = {"gentle.mp4": 0.3, "strong.mp4": 0.9}


def main(words: Sequence[str] | None = None) -> None:
    """Generate a clip, then make it over twice; size, rate and length are the source's."""
    options = read(words, __doc__, "video-to-video")
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source.mp4"
        first = ltxserve.generate("a red ball moves right on grass", seed=1, **options.size)
        first.save(source)
        for name, strength in STRENGTHS.items():
            clip = ltxserve.generate(
                "a red ball moves right on water",
                video_to_video={"source": str(source), "strength": strength},
                seed=2,
            )
            clip.save(options.out / name)
            print(f"{name}: {psnr(clip.frames, first.frames):.1f} dB from its source")


if __name__ == "__main__":
    main()
