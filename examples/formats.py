"""One clip, every format: MP4, WebM, GIF and PNG frames; how it was made travels in the file."""

from collections.abc import Sequence

from _options import read

import ltxserve
from ltxserve.media.metadata import read_metadata
from ltxserve.media.probe import probe


def main(words: Sequence[str] | None = None) -> None:
    """Save a clip in every format and read back what is in the files."""
    options = read(words, __doc__, "formats")
    clip = ltxserve.generate("a red square moves right on sand", seed=8, **options.size)
    for name in ("clip.mp4", "clip.webm", "clip.gif", "frames"):
        file = clip.save(options.out / name)
        info = probe(file.path)
        sound = "with sound" if info.audio else "silent"
        print(f"{name}: {file.media_type}, {file.bytes} bytes, {info.seconds:.2f} s, {sound}")
    made = read_metadata(options.out / "clip.mp4")
    print(f"in the file: prompt {made['prompt']!r}, seed {made['seed']}, model {made['model']}")


if __name__ == "__main__":
    main()
