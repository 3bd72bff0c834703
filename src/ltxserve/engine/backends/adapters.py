"""Finds the files of a plan's adapters, and pulls them where that is allowed; reads none."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ltxserve.catalog import Catalog, load_catalog
from ltxserve.catalog.weights.adapters import AdapterRow, place_of_path
from ltxserve.catalog.weights.hub import Hub
from ltxserve.catalog.weights.needs import ADAPTER, Need, place_of
from ltxserve.catalog.weights.places import Places
from ltxserve.catalog.weights.pull import Wish, logged, pull
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.loras import PlannedLora
from ltxserve.errors import ModelUnavailable


@dataclass(frozen=True)
class AdapterFinder:
    """Where adapters' files lie, by the search order of models. catalog: of those to be pulled."""

    placement: Placement
    catalog: Catalog = field(default_factory=load_catalog)

    def __call__(self, lora: PlannedLora) -> Path:
        """The file of a catalog row or of a path.

        Raises ModelUnavailable: `weights_missing`, and whatever `pull` raises.
        """
        places = Places(configured=self.placement.models_dir)
        if lora.path:
            found = place_of_path(lora.path, places)
            hint = "Check the path; relative ones are looked for in the folders of models, too."
        else:
            found = self._of_row(lora, places)
            hint = f"Pull it: ltxserve models pull {lora.name}"
        if found is None:
            raise ModelUnavailable(
                "weights_missing",
                f"The file of the adapter {lora.name} is not on this machine"
                f"{'' if lora.path else f': {lora.repo}/{lora.file}'}.",
                hint,
                "loras",
            )
        return found

    def _of_row(self, lora: PlannedLora, places: Places) -> Path | None:
        need = Need(ADAPTER, lora.repo, lora.file, is_folder=not lora.file, bytes=lora.bytes)
        found = place_of(need, places)
        row = self.catalog.loras.get(lora.name)
        if found is None and self.placement.download and row is not None:
            wish = Wish(AdapterRow.of(row, self.catalog), accepted=self.placement.accepted)
            pull(wish, places, Hub(), logged)
            found = place_of(need, places)
        return found
