"""Brings what a job names (URL, data URI, base64) into its folder, by the safe fetch; checked by
decoding it elsewhere. A path of this machine is never read.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ltxserve.errors import MediaError, Problem
from ltxserve.media.examine import Examined, MediaLimits, examine
from ltxserve.media.fetch import FetchRules, fetch, is_url
from ltxserve.service.inputs import content_of
from ltxserve.service.sources import families_of, lora_paths, sources_of


@dataclass
class Sources:
    """Sources as files in `folder`, each brought once.

    rules: where URLs may lead. before: told before each one how many are there; what it raises
    stops the rest.
    """

    folder: Path
    rules: FetchRules
    limits: MediaLimits
    before: Callable[[int], None] = lambda there: None
    _brought: dict[str, Examined] = field(default_factory=dict[str, Examined])

    def localized(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
        """The request with every source as a file, and a problem for each that cannot be had."""
        local = copy.deepcopy(dict(request))
        problems = list(lora_paths(local))
        for name, part in sources_of(local):
            try:
                part["source"] = str(self.bring(part["source"], families_of(name)))
            except MediaError as error:
                problems.append(Problem(error.code, error.message, error.hint, name))
        return local, problems

    def video(self, source: str) -> Path:
        """A clip of a stitch. Raises MediaError."""
        return self.bring(source, ("video",))

    def bring(self, source: str, families: Sequence[str]) -> Path:
        """A source as a checked file. Raises MediaError."""
        if source not in self._brought:
            self._brought[source] = self._bring(source)
        found = self._brought[source]
        if found.family not in families:
            raise MediaError(
                "media_type_refused",
                f"The source is of the kind {found.family}, which cannot be used here.",
                f"Give one of the kind {' or '.join(families)}.",
            )
        if "audio" in families and not found.facts.get("has_sound"):
            # Said here: what reads it later would call it by the name that it has in our folder.
            raise MediaError(
                "media_unsupported", "The content has no sound.", "Use a file with sound."
            )
        return found.path

    def _bring(self, source: str) -> Examined:
        self.before(len(self._brought))
        path, claimed = self.folder / f"source-{len(self._brought)}", ""
        most = min(self.rules.max_bytes, self.limits.max_any_bytes)
        if is_url(source):
            fetch(source, path, replace(self.rules, max_bytes=most))
        else:
            content, claimed = content_of(source, most)
            try:
                path.write_bytes(content)
            except OSError as error:
                raise MediaError(
                    "media_write_failed",
                    "A source could not be kept: the disk is full or read-only.",
                    "Give the worker more disk.",
                ) from error
        found = examine(path, self.limits, claimed)
        named = path.with_name(f"{path.name}{found.kind.suffix}")
        path.replace(named)
        return replace(found, path=named)
