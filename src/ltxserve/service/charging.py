"""What a finished job costs: what was held, or less where the model chose a shorter clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ltxserve.catalog import Catalog
from ltxserve.credits.pricing import price_of
from ltxserve.errors import LtxserveError
from ltxserve.jobs.rows import Job, Json
from ltxserve.types import Shape

Charge = Callable[[Job, Json | None], int]
"""The price of a job by its plan as it came out; never above the price that was held."""


def held_price(job: Job, made: Json | None) -> int:
    """What was held, whatever came out."""
    del made
    return job.price


@dataclass(frozen=True)
class _Made:
    """A plan whose length was left to the model; that is no extension and no retake."""

    model: str
    deliver: Shape
    extend: None = None
    retake: None = None


class Charging:
    """Charges by the clip that was made, where its length was the model's choice."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __call__(self, job: Job, made: Json | None) -> int:
        """See Charge."""
        if made is None or made.get("auto_length") is None:
            return job.price
        clip = _Made(str(made["model"]), Shape(**made["deliver"]))
        try:
            price = price_of(clip, job.price_list, self._catalog).credits
        except LtxserveError:
            # The list, or the row, is gone since the job was taken: what was agreed stays.
            return job.price
        return min(price, job.price)
