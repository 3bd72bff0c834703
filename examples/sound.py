"""Sound comes with the picture, follows the words, and can be left out."""

from collections.abc import Sequence

import numpy as np
from _options import read

import ltxserve

PROMPTS = {
    "bounce.mp4": ("a green ball bounces on stone", None),
    "quiet.mp4": ("a green ball rests on stone, in silence", None),
    "without.mp4": ("a green ball bounces on stone", False),
}


def main(words: Sequence[str] | None = None) -> None:
    """Generate a clip with sound, one that is asked to be quiet, and one without sound."""
    options = read(words, __doc__, "sound")
    for name, (prompt, audio) in PROMPTS.items():
        clip = ltxserve.generate(prompt, audio=audio, seed=3, **options.size)
        clip.save(options.out / name)
        if clip.audio is None:
            print(f"{name}: no sound")
            continue
        loudness = float(np.sqrt(np.mean(clip.audio.samples**2)))
        print(
            f"{name}: {clip.audio.sample_rate} Hz, {clip.audio.channels} channels, "
            f"loudness {loudness:.3f}"
        )


if __name__ == "__main__":
    main()
