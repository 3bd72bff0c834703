"""Turns a run's progress into updates for whoever watches the job: plain data, now and then a
picture. Knows no job and no pool.
"""

from __future__ import annotations

import base64
import io
import logging
import time
from collections.abc import Callable
from typing import Any

from PIL import Image

from ltxserve.media.colour import Pixels
from ltxserve.media.frames import resize
from ltxserve.pool.base import Json, Tell
from ltxserve.progress import Progress

EVERY = 0.5
"""Seconds between pictures, at least; the first and the last step always have one."""
LONGEST_SIDE = 256
_QUALITY = 80
log = logging.getLogger(__name__)


class Teller:
    """An observer that tells; what `tell` raises (Cancelled) stops the run.

    picture: shows latents as a small picture; None = no pictures. model: told once it is loaded.
    """

    def __init__(
        self,
        tell: Tell,
        picture: Callable[[Any], Pixels] | None = None,
        model: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._picture = picture
        self._model = model
        self._clock = clock
        self._pictured = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """See Observer."""
        update = {"stage": progress.stage, "step": progress.step, "of": progress.of}
        if progress.stage == "load" and progress.step and self._model:
            update["model"] = self._model
        self._tell({**update, **self._preview(progress)})

    def _preview(self, progress: Progress) -> Json:
        if progress.latents is None or self._picture is None:
            return {}
        last = progress.step == progress.of
        if not last and self._clock() - self._pictured < EVERY:
            return {}
        try:
            picture = self._picture(progress.latents)
        except (RuntimeError, ValueError) as error:  # a clip without pictures is still a clip
            log.warning("no preview: %s", error)
            return {}
        self._pictured = self._clock()
        return {"preview": as_jpeg(picture)}


def as_jpeg(picture: Pixels) -> str:
    """A picture as a JPEG in base64, enlarged to at most LONGEST_SIDE: it was made small."""
    height, width = picture.shape[:2]
    scale = max(1, LONGEST_SIDE // max(height, width))
    file = io.BytesIO()
    Image.fromarray(resize(picture, width * scale, height * scale)).save(
        file, format="JPEG", quality=_QUALITY
    )
    return base64.b64encode(file.getvalue()).decode()
