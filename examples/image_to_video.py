"""A picture and a prompt: the clip starts with the picture and moves as the words say."""

from collections.abc import Sequence

from _drawing import square_on_sand
from _options import read

import ltxserve


def main(words: Sequence[str] | None = None) -> None:
    """Generate a clip from a picture; a path or a data URI would do as well."""
    options = read(words, __doc__, "image.mp4")
    picture = square_on_sand(y=0.7)
    clip = ltxserve.generate("a blue square moves up on sand", image=picture, **options.size)
    print(clip.save(options.out).path)


if __name__ == "__main__":
    main()
