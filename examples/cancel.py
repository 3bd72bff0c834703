"""Watch a run and stop it: an observer is called at every step and may raise Cancelled."""

from collections.abc import Sequence

from _options import read

import ltxserve
from ltxserve import Cancelled, GenerationRequest, Progress


def watch(progress: Progress) -> None:
    """Show every step."""
    print(f"  {progress.stage} {progress.step}/{progress.of}")


def stop_at_step_one(progress: Progress) -> None:
    """Look at the first step's preview, and stop."""
    watch(progress)
    if progress.latents is not None:
        print(f"  preview latents {tuple(progress.latents.shape)}: seen enough")
        raise Cancelled


def main(words: Sequence[str] | None = None) -> None:
    """Start a run and stop it, which leaves no file; then let it run to the end."""
    options = read(words, __doc__, "cancel.mp4")
    request = GenerationRequest(prompt="a red ball bounces on wood", seed=6, **options.size)
    engine = ltxserve.shared_engine()
    try:
        engine.write(request, options.out, stop_at_step_one)
    except Cancelled:
        print(f"stopped; is there a file? {options.out.exists()}")
    print(engine.write(request, options.out, watch).path)


if __name__ == "__main__":
    main()
