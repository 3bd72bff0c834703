"""Words only: one prompt becomes one clip with sound."""

from collections.abc import Sequence

from _options import read

import ltxserve


def main(words: Sequence[str] | None = None) -> None:
    """Generate a clip and save it."""
    options = read(words, __doc__, "text.mp4")
    clip = ltxserve.generate("a red ball rolls right on grass", seed=7, **options.size)
    file = clip.save(options.out)
    print(f"{file.path}: {file.num_frames} frames, {file.seconds:.1f} s, seed {clip.seed}")
    for warning in clip.warnings:
        print(f"warning: {warning}")


if __name__ == "__main__":
    main()
