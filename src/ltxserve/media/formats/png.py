"""A folder of lossless pictures, frame_00000.png and on, with sound.wav beside them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ltxserve.errors import MediaError
from ltxserve.media.atomic import Draft
from ltxserve.media.colour import Pixels
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.metadata import FPS_KEY, png_text
from ltxserve.media.rates import samples_for
from ltxserve.media.sound import Sound, store_wav

SOUND_FILE = "sound.wav"
FRAME_PATTERN = "frame_*.png"


class PngWriter:
    """A FrameWriter for folders; metadata and frame rate are in the first picture."""

    def __init__(self, draft: Draft, target: EncodeTarget) -> None:
        self._folder = draft.result
        self._target = target
        self._count = 0
        self._folder.mkdir()

    def add(self, frame: Pixels) -> None:
        fps = str(self._target.fps)
        text = {**self._target.metadata, FPS_KEY: fps} if self._count == 0 else {}
        # Level 4 instead of 6: a third of the time for a few percent of size.
        Image.fromarray(frame).save(
            self._folder / frame_name(self._count), pnginfo=png_text(text), compress_level=4
        )
        self._count += 1

    def end(self) -> None:
        """Every frame is a file of its own; nothing was held back."""

    def finish(self, sound: Sound | None) -> None:
        if sound is not None:
            length = samples_for(self._count, self._target.fps, sound.sample_rate)
            store_wav(sound.fitted(length), self._folder / SOUND_FILE)

    def close(self) -> None:
        pass


def frame_name(index: int) -> str:
    """frame_00000.png for the first picture."""
    return f"frame_{index:05d}.png"


def check_only_frames(folder: Path) -> None:
    """Refuse to replace a folder that holds anything but an earlier sequence.

    Raises MediaError (`output_invalid`): a mistyped name must not cost somebody's files.
    """
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.is_dir() or not (entry.match(FRAME_PATTERN) or entry.name == SOUND_FILE):
            raise MediaError(
                "output_invalid",
                f"The folder {folder.name} holds other files ({entry.name}).",
                "Choose a new folder for the pictures.",
            )
