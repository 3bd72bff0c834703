"""Several takes of one prompt: another seed, another clip; the same seed, the same clip."""

from collections.abc import Sequence

import numpy as np
from _options import read

import ltxserve
from ltxserve.media.thumbnail import contact_sheet, save_image, spread


def main(words: Sequence[str] | None = None) -> None:
    """Generate three takes and a sheet to choose from."""
    options = read(words, __doc__, "seeds")
    rows = []
    for seed in (1, 2, 3):
        clip = ltxserve.generate("a cyan star grows on brick", seed=seed, **options.size)
        print(clip.save(options.out / f"take-{clip.seed}.mp4").path)
        rows.append(spread(clip.frames, 4))
    save_image(contact_sheet(np.concatenate(rows), columns=4), options.out / "takes.png")
    again = ltxserve.generate("a cyan star grows on brick", seed=3, **options.size)
    print("the same seed, the same frames:", np.array_equal(again.frames, clip.frames))


if __name__ == "__main__":
    main()
