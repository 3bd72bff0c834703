"""First and last frame given: the clip finds its way from one picture to the other."""

from collections.abc import Sequence

from _drawing import square_on_sand
from _options import read

import ltxserve


def main(words: Sequence[str] | None = None) -> None:
    """Generate a clip between two pictures."""
    options = read(words, __doc__, "first_and_last.mp4")
    clip = ltxserve.generate(
        "a blue square moves right on sand",
        image=square_on_sand(x=0.25),
        last_image=square_on_sand(x=0.75),
        **options.size,
    )
    print(clip.save(options.out).path)


if __name__ == "__main__":
    main()
