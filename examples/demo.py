"""The demo: two clips on the built-in model, one from words, one from words and a picture.

Prints where the files are and what was measured. Run it with `make demo`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from _drawing import square_on_sand
from _options import QUICK
from rich.console import Console

import ltxserve
from ltxserve.cli.bars import BarObserver
from ltxserve.media.encode import EncodedFile
from ltxserve.media.thumbnail import contact_sheet, save_image, spread

SEED = 7
PROMPTS = {
    "ball.mp4": "a red ball rolls right on grass",
    "square.mp4": "a blue square moves up on sand",
}


def show(console: Console, prompt: str, clip: ltxserve.Clip, file: EncodedFile) -> None:
    """What was made and what was measured."""
    plays = file.num_frames / float(file.fps)
    sound = "with sound" if file.has_sound else "without sound"
    loading = clip.timings.get("load", 0.0)
    console.print(f"\n[bold]{prompt}[/]\n  {file.path.resolve()}", soft_wrap=True)
    console.print(
        f"  {file.width}x{file.height}, {file.num_frames} frames, {plays:.1f} s {sound}, "
        f"{file.bytes / 1024:.0f} KiB, seed {clip.seed}"
    )
    console.print(
        f"  took {clip.report.seconds:.1f} s after {loading:.1f} s of loading, "
        f"peak memory {clip.report.peak_memory / 2**30:.2f} GiB"
    )


def main(words: Sequence[str] | None = None) -> None:
    """Generate both clips into a folder."""
    parser = argparse.ArgumentParser(description="Two clips on the built-in model.")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="tiny clips, in a second each")
    options = parser.parse_args(words)
    folder: Path = options.out
    size = dict(QUICK) if options.quick else {}
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    pictures = {"square.mp4": square_on_sand()}
    rows = []
    for name, prompt in PROMPTS.items():
        with BarObserver(console, name) as bar:
            clip = ltxserve.generate(
                prompt, image=pictures.get(name), seed=SEED, observer=bar, **size
            )
        show(console, prompt, clip, clip.save(folder / name))
        rows.append(spread(clip.frames, 6))
    sheet = folder / "demo.png"
    save_image(contact_sheet(np.concatenate(rows), columns=6, cell_width=192), sheet)
    console.print(f"\nSix frames of each: {sheet.resolve()}", soft_wrap=True)


if __name__ == "__main__":
    main()
