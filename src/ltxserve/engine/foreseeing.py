"""Plans a request to its end with what the model has said of it; asks and runs no model."""

from __future__ import annotations

import dataclasses
from typing import Any

from ltxserve.catalog import Catalog
from ltxserve.engine.backends.base import Foreseen
from ltxserve.engine.loras import with_triggers
from ltxserve.engine.plan import Plan, plan
from ltxserve.engine.plan.foresight import chosen_frames
from ltxserve.types import GenerationRequest


class Foreseeing:
    """One request on its way from an open plan to the one that runs. request: settled."""

    def __init__(self, request: GenerationRequest, catalog: Catalog) -> None:
        self._request = request
        self._catalog = catalog

    def planned(self, before: Plan, said: Foreseen) -> Plan:
        """The next plan, with what was said in the first stage of the one before."""
        changes: dict[str, Any] = {}
        if said.prompt is not None:
            asked = self._request
            written = with_triggers(said.prompt, asked.prompt, asked.loras, self._catalog)
            changes |= {"prompt": written, "enhance_prompt": False}
        if said.seconds is not None and before.auto_length is not None:
            frames = chosen_frames(said.seconds, before.auto_length, before.deliver.fps)
            changes |= {"num_frames": frames, "seconds": None, "auto_length": None}
        self._request = self._request.model_copy(update=changes)
        anew = plan(self._request, self._catalog)
        return dataclasses.replace(
            anew, asked_prompt=before.asked_prompt, auto_length=before.auto_length
        )
