"""An engine of your own: straight into files, on a chosen device, let go at the end."""

from collections.abc import Sequence

from _options import read

from ltxserve import Engine, GenerationRequest
from ltxserve.engine.backends.base import Placement


def main(words: Sequence[str] | None = None) -> None:
    """Generate two clips on one engine; the second finds the model loaded."""
    options = read(words, __doc__, "engine")
    prompts = {"up.mp4": "a pink ball floats up on water", "down.mp4": "a pink ball sinks on water"}
    with Engine(Placement(device="auto")) as engine:
        for name, prompt in prompts.items():
            # Frames are encoded while later ones are decoded: a long clip needs no more memory.
            made = engine.write(
                GenerationRequest(prompt=prompt, **options.size), options.out / name
            )
            loading = made.timings["load"]
            print(f"{made.path}: {made.report.seconds:.1f} s after {loading:.1f} s of loading")


if __name__ == "__main__":
    main()
