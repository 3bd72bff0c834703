"""A video gone on from: after its end, before its start, and far beyond what one run makes."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _options import read

import ltxserve

WAYS: dict[str, dict[str, Any]] = {
    "after.mp4": {"num_frames": 16},
    "before.mp4": {"num_frames": 16, "direction": "start"},
    "only-new.mp4": {"num_frames": 16, "join": False},
    "long.mp4": {"num_frames": 160},
}


def main(words: Sequence[str] | None = None) -> None:
    """Generate a clip and go on from it in every way; the long one says how its colours drift."""
    options = read(words, __doc__, "extend")
    steps = options.size.get("num_inference_steps")
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source.mp4"
        prompt = "a red ball moves right on grass"
        ltxserve.generate(prompt, seed=1, **options.size).save(source)
        for name, way in WAYS.items():
            extend = {"source": str(source), **way}
            clip = ltxserve.generate(prompt, extend=extend, num_inference_steps=steps, seed=2)
            clip.save(options.out / name)
            print(f"{name}: {clip.num_frames} frames")
            for remark in clip.report.remarks:
                print(f"  {remark}")


if __name__ == "__main__":
    main()
