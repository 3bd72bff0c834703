"""A clip made to a given sound, which it carries; a first picture can be given with it."""

import wave
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from _drawing import square_on_sand
from _options import read

import ltxserve

RATE = 16_000


def beats(seconds: float) -> bytes:
    """Two beats a second: 16-bit samples, one channel."""
    times = np.arange(round(seconds * RATE)) / RATE
    wave_form = np.sin(2 * np.pi * 220 * times) * np.exp(-12 * (times % 0.5))
    return (wave_form * 20_000).astype("<i2").tobytes()


def main(words: Sequence[str] | None = None) -> None:
    """Write a sound and make a clip to it, as long as the sound unless told."""
    options = read(words, __doc__, "beats.mp4")
    with TemporaryDirectory() as folder:
        sound = Path(folder) / "beats.wav"
        with wave.open(str(sound), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(beats(2.0))
        clip = ltxserve.generate(
            "a blue square bounces on sand",
            image=square_on_sand(),
            sound={"source": str(sound)},
            seed=3,
            **options.size,
        )
    assert clip.audio is not None
    print(f"{clip.seconds:.2f} seconds with {clip.audio.sample_rate} Hz of the given sound")
    print(clip.save(options.out).path)


if __name__ == "__main__":
    main()
