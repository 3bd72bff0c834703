"""Pictures at any frame: a condition names its pixel frame and how strongly it holds."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from _drawing import square_on_sand
from _options import read

import ltxserve
from ltxserve import Condition


def main(words: Sequence[str] | None = None) -> None:
    """Generate a clip through three pictures."""
    options = read(words, __doc__, "keyframes.mp4")
    frames = options.size.get("num_frames", 49)
    # 0 is the first frame, -1 the last; any frame between may be named, not only every eighth.
    places = {0: 0.2, frames // 2 - 1: 0.5, -1: 0.8}
    with TemporaryDirectory() as folder:
        conditions = []
        for number, (frame, x) in enumerate(places.items()):
            path = Path(folder) / f"{number}.png"
            square_on_sand(x=x).save(path)
            conditions.append(Condition(source=str(path), frame=frame, strength=0.9))
        clip = ltxserve.generate(
            "a blue square moves right on sand", conditions=conditions, **options.size
        )
    print(clip.save(options.out).path)


if __name__ == "__main__":
    main()
