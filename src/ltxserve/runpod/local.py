"""A job without RunPod (`--test_input`): the clip as a file, where its caller asked for one."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

from ltxserve.errors import MediaError
from ltxserve.media.failures import writing
from ltxserve.pool.base import Tell
from ltxserve.runpod.handler import Make
from ltxserve.runpod.making import Order
from ltxserve.runpod.results import Output

log = logging.getLogger(__name__)


class Saving:
    """Makes as `make` does, and writes an inline clip to `path`; of several, beside it."""

    def __init__(self, make: Make, path: Path) -> None:
        self._make = make
        self._path = path

    def __call__(self, order: Order, tell: Tell) -> Output:
        """See Maker. Raises MediaError `media_write_failed` besides."""
        output = self._make(order, tell)
        clips = output.get("clips") or [output]
        for number, clip in enumerate(clips):
            content = (clip.get("video") or {}).pop("base64", None)
            if content is None:
                raise MediaError(
                    "media_write_failed",
                    "The clip went to a store, so there is none here to save.",
                    "Open its link, or unset the store for a local run.",
                )
            name = f"{self._path.stem}-{number + 1}{self._path.suffix}"
            path = self._path.with_name(name) if len(clips) > 1 else self._path
            with writing(path.name):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(base64.b64decode(content))
            log.info("saved %s", path)
        return output
