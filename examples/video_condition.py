"""A video as condition: the clip begins with its frames and goes on from there."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from _options import read

import ltxserve
from ltxserve import Condition


def main(words: Sequence[str] | None = None) -> None:
    """Generate a clip, then another one that goes on from its first nine frames."""
    options = read(words, __doc__, "video-condition.mp4")
    prompt = "a yellow star moves left on water"
    size = dict(options.size)
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source.mp4"
        ltxserve.generate(prompt, seed=1, **size).save(source)
        if size:
            size["num_frames"] = 17  # longer than what it begins with
        start = Condition(source=str(source), frame=0, num_frames=9)
        clip = ltxserve.generate(prompt, conditions=[start], seed=2, **size)
    print(clip.save(options.out).path)


if __name__ == "__main__":
    main()
