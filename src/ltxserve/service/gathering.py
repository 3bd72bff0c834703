"""Brings the sources of a settled request into a folder of the worker; decides nothing.

A worker opens what was settled before (`store:KEY`), URLs by the safe fetch, and data URIs. A path
is refused: nothing that callers write can name a file of the machine that renders.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ltxserve.errors import MediaError
from ltxserve.media.fetch import FetchRules, fetch, is_url
from ltxserve.service.sources import KEPT, sources_of
from ltxserve.storage.base import ArtifactStore
from ltxserve.storage.retry import PATIENT, retrying


@dataclass
class Gathering:
    """Sources as files in `folder`, each brought once."""

    store: ArtifactStore
    rules: FetchRules
    folder: Path
    _brought: dict[str, str] = field(default_factory=dict)

    def localized(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request with every source readable here.

        Raises MediaError (`source_invalid` for a path, what `fetch` raises) and StorageError.
        """
        local = copy.deepcopy(dict(request))
        for _, part in sources_of(local):
            part["source"] = self.bring(part["source"])
        return local

    def file(self, source: str) -> Path:
        """A source as a file, which a data URI is not. Raises what `localized` raises."""
        return Path(self._once(source))

    def bring(self, source: str) -> str:
        """A path, or the data URI itself."""
        return source if source[:5].lower() == "data:" else self._once(source)

    def _once(self, source: str) -> str:
        if source not in self._brought:
            self._brought[source] = str(self._bring(source))
        return self._brought[source]

    def _bring(self, source: str) -> Path:
        if is_url(source):
            return fetch(source, self.folder / f"source-{len(self._brought)}", self.rules).path
        if not source.startswith(KEPT):
            raise MediaError(
                "source_invalid",
                "Files of the machine that renders are not read for callers.",
                "Give an http(s) URL, a data URI or the id of an upload.",
            )
        key = source.removeprefix(KEPT)
        path = self.folder / f"source-{len(self._brought)}-{Path(key).name}"

        def copy_file() -> None:
            with path.open("wb") as file:
                file.writelines(self.store.open(key))

        retrying(copy_file, PATIENT)  # a connection that breaks in the middle, too
        return path
