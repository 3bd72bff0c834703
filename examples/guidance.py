"""Guidance: how strictly the prompt is followed, and a negative prompt to keep away from."""

from collections.abc import Sequence

from _options import read

import ltxserve

SETTINGS = {
    "off": {},
    "guided": {"guidance_scale": 3.0, "negative_prompt": "a star, the night sky"},
    "stg": {"guidance_scale": 3.0, "stg_scale": 1.0, "guidance_rescale": 0.7},
}


def main(words: Sequence[str] | None = None) -> None:
    """Generate the same clip without guidance, with it, and with spatio-temporal guidance."""
    options = read(words, __doc__, "guidance")
    for name, settings in SETTINGS.items():
        clip = ltxserve.generate(
            "a purple triangle moves down on snow", seed=5, **settings, **options.size
        )
        file = clip.save(options.out / f"{name}.mp4")
        print(f"{file.path}: {clip.report.seconds:.1f} s")


if __name__ == "__main__":
    main()
