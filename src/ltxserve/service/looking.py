"""Looks at settled sources for what a plan has to know of them; what is not here yet, it leaves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ltxserve.engine.looking import VideoFacts, look_at_sound, look_at_video
from ltxserve.engine.settle import Eyes
from ltxserve.errors import MediaError
from ltxserve.media.fetch import FetchRules
from ltxserve.service.gathering import Gathering
from ltxserve.service.sources import KEPT
from ltxserve.storage.base import ArtifactStore

T = TypeVar("T")


@dataclass
class Looking:
    """Facts of what is in the store, each file read once."""

    store: ArtifactStore
    _videos: dict[str, VideoFacts] = field(default_factory=dict)
    _sounds: dict[str, float] = field(default_factory=dict)

    @property
    def eyes(self) -> Eyes:
        """What `settle` looks with. URLs and data are not looked at: nothing is fetched here."""
        return Eyes(self._video, self._sound)

    def _video(self, source: str) -> VideoFacts | None:
        return self._once(source, self._videos, look_at_video)

    def _sound(self, source: str) -> float | None:
        return self._once(source, self._sounds, look_at_sound)

    def _once(self, source: str, known: dict[str, T], look: Callable[[str], T]) -> T | None:
        if not source.startswith(KEPT):
            return None
        if source not in known:
            with tempfile.TemporaryDirectory(prefix="ltxserve-look-") as folder:
                gathering = Gathering(self.store, FetchRules(), Path(folder))
                try:
                    known[source] = look(str(gathering.file(source)))
                except MediaError as error:
                    if error.code != "media_unreadable":
                        raise
                    return None  # what is sent is examined before; the worker says what is wrong
        return known[source]
