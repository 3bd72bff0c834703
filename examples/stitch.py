"""Clips joined into one: a crossfade, a second clip at double speed, one loudness for all."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from _options import read

import ltxserve
from ltxserve.media.stitch.nouns import Stitch, StitchClip, Transition
from ltxserve.media.stitch.run import Writing, write_stitch


def main(words: Sequence[str] | None = None) -> None:
    """Generate two clips and join them."""
    options = read(words, __doc__, "stitched.mp4")
    prompts = ["a red ball bounces", "a blue square moves right"]
    with TemporaryDirectory() as folder:
        clips = [Path(folder) / f"{number}.mp4" for number in range(len(prompts))]
        for prompt, path in zip(prompts, clips, strict=True):
            ltxserve.generate(prompt, seed=1, **options.size).save(path)
        stitch = Stitch(
            clips=(StitchClip(source="ball"), StitchClip(source="square", speed=2)),
            transition=Transition(kind="crossfade", seconds=0.125),
            loudness=-20,
        )
        made = write_stitch(stitch, clips, Writing(options.out))
    print(f"{made.file.path}: {made.file.num_frames} frames, {made.file.seconds:.2f} s")


if __name__ == "__main__":
    main()
