"""Work of a service of ours whose pool is this endpoint: its payloads, done as its own workers do.

The clip goes into the store that both know; only its key travels back.
"""

from __future__ import annotations

from typing import Any

from ltxserve.engine.engine import Engine
from ltxserve.errors import ConfigurationError
from ltxserve.media.fetch import FetchRules
from ltxserve.pool.base import Tell
from ltxserve.service.rendering import Renderer
from ltxserve.service.scratch import Scratch
from ltxserve.storage.base import ArtifactStore


class Pooled:
    """A `Body` of pools. store: the service's own; None = this worker has none that it can read."""

    def __init__(
        self, engine: Engine, store: ArtifactStore | None, rules: FetchRules, scratch: Scratch
    ) -> None:
        self._renderer = None if store is None else Renderer(engine, store, rules, scratch)

    def __call__(self, payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
        """Do one piece of work; see service/rendering.py. Raises coded errors, WorkerBroken."""
        if self._renderer is None:
            raise ConfigurationError(
                "settings_invalid",
                "This worker has no file store that the service could read.",
                "Set LTXSERVE_STORE at the endpoint to the service's own (s3://... or supabase).",
                "LTXSERVE_STORE",
            )
        missing = {"account_id", "job_id", "attempt", "request"} - set(payload)
        if missing:
            raise ConfigurationError(
                "settings_invalid",
                f"The work lacks {', '.join(sorted(missing))}.",
                "Let the endpoint and the service run the same version of ltxserve.",
            )
        return self._renderer(payload, tell)
