"""Removes what attempts that did not win have left in the store; a leftover harms nobody, so late
is early enough and a failure is only logged. Knows the names that workers use, no database.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable

from ltxserve.errors import StorageError
from ltxserve.storage.base import ArtifactStore

_log = logging.getLogger(__name__)
NAMES = {
    "video": (".mp4", ".webm", ".gif", ".zip"),
    "thumbnail": (".jpg",),
    "preview": (".jpg",),
    "audio": (".wav",),
}
"""Artifact name -> suffixes it may have; service/rendering.py writes them below prefix_of."""


def prefix_of(account_id: str, job_id: str, attempt: int) -> str:
    """What the keys of an attempt's files begin with."""
    return f"{account_id}/{job_id}/{attempt}"


def keys_of(prefix: str) -> list[str]:
    """Every key that an attempt may have written."""
    files = ((name, suffix) for name, suffixes in NAMES.items() for suffix in suffixes)
    return [f"{prefix}/{name}{suffix}" for name, suffix in files]


def clear(store: ArtifactStore, prefixes: Iterable[str]) -> None:
    """Remove what lies below the prefixes, as far as the store lets us."""
    for key in itertools.chain.from_iterable(map(keys_of, prefixes)):
        try:
            store.delete(key)
        except StorageError as error:
            _log.warning("%s is left behind: %s", key, error)
            return
