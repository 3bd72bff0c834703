"""Camera moves: named, or in your own words; the plan shows what the model is told."""

from collections.abc import Sequence

from _options import read

import ltxserve

MOVES = ("static", "dolly_in", "dolly_left", "jib_up")


def main(words: Sequence[str] | None = None) -> None:
    """Generate the same scene under several cameras."""
    options = read(words, __doc__, "camera")
    for move in MOVES:
        clip = ltxserve.generate(
            "an orange square stands still on grass", camera_motion=move, seed=4, **options.size
        )
        clip.save(options.out / f"{move}.mp4")
        print(f"{move}: {clip.plan.prompt}")


if __name__ == "__main__":
    main()
