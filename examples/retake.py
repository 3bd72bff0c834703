"""A range of a video made anew; outside it, the video keeps its own pixels and sound."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from _options import read

import ltxserve


def main(words: Sequence[str] | None = None) -> None:
    """Generate a clip and take its last third again."""
    options = read(words, __doc__, "retake.mp4")
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source.mp4"
        first = ltxserve.generate("a red ball moves right on grass", seed=1, **options.size)
        first.save(source)
        clip = ltxserve.generate(
            "a red ball moves up on grass",
            retake={"source": str(source), "start": first.seconds * 2 / 3, "end": first.seconds},
            seed=2,
        )
    near = np.abs(clip.frames[:1].astype(int) - first.frames[:1]).mean()
    far = np.abs(clip.frames[-1:].astype(int) - first.frames[-1:]).mean()
    print(f"first frame {near:.1f} levels from the source, last frame {far:.1f}")
    print(clip.save(options.out).path)


if __name__ == "__main__":
    main()
