"""What every output format is: the target it writes to and the three steps of writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

from ltxserve.media.colour import Pixels
from ltxserve.media.sound import Sound

VideoFormat = Literal["mp4", "webm", "gif", "png"]


@dataclass(frozen=True)
class EncodeTarget:
    """The file to write: size in pixels, exact rate, quality and what to embed.

    `crf` (mp4 1-51, webm 0-63, lower is better; None = the format's own) means nothing for gif
    and png. `metadata`: see `clean_metadata` for what may be stored. `durable`: whether the file
    survives a power cut right afterwards; waiting for that is in vain where it is copied away.
    """

    path: Path
    format: VideoFormat
    fps: Fraction
    width: int
    height: int
    crf: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    durable: bool = True


class FrameWriter(Protocol):
    """Writes one clip: `add` every frame, `end` and then `finish` once; `close` always, whatever
    happened. `add` and `end` are called in another thread than the others, never at once with them.
    """

    def add(self, frame: Pixels) -> None: ...

    def end(self) -> None:
        """No more frames come: encode what was held back."""
        ...

    def finish(self, sound: Sound | None) -> None: ...

    def close(self) -> None: ...
