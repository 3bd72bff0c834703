"""What a planned clip costs on a price list; pure: no account, no database, no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

from ltxserve.catalog import Catalog
from ltxserve.catalog.prices import PriceList, PriceRow
from ltxserve.errors import Problem, RequestRefused
from ltxserve.types import Shape

NEAR_FRAMES = 4
"""A clip belongs to a table point when it is the 8n+1 frames nearest to it: half a step of 8."""


class Added(Protocol):
    """A video that is gone on from: how many frames are added to it."""

    @property
    def added(self) -> int: ...


class Replaced(Protocol):
    """A video of which a part is made anew: from one frame to before another."""

    @property
    def first_frame(self) -> int: ...
    @property
    def end_frame(self) -> int: ...


class Planned(Protocol):
    """The part of a plan that a price depends on."""

    @property
    def model(self) -> str: ...
    @property
    def deliver(self) -> Shape: ...
    @property
    def extend(self) -> Added | None: ...
    @property
    def retake(self) -> Replaced | None: ...


@dataclass(frozen=True)
class PriceLine:
    """One position of a price, for people: what it is for, and its credits."""

    text: str
    credits: int


@dataclass(frozen=True)
class Price:
    """Whole credits, and what they are made of; `credits` is the sum of the lines."""

    credits: int
    price_list: str
    lines: tuple[PriceLine, ...]

    def to_dict(self) -> dict[str, object]:
        """The price as plain JSON data."""
        lines = [{"text": line.text, "credits": line.credits} for line in self.lines]
        return {"credits": self.credits, "price_list": self.price_list, "lines": lines}


def price_of(plan: Planned, price_list: str, catalog: Catalog) -> Price:
    """The price of what `plan` makes: the clip, or what is new in a video that was given.

    Raises LtxserveError `unknown_price_list`, RequestRefused `not_priced` where the list has no
    price for the size.
    """
    listed = catalog.prices.price_list(price_list)
    if listed.is_free:
        return Price(0, listed.name, (PriceLine(listed.title, 0),))
    variant = catalog.model(plan.model).variant
    size = catalog.prices.size_of(plan.deliver.width * plan.deliver.height)
    row = None if size is None else listed.row(variant, size)
    if row is None:
        raise _not_priced(plan.deliver, listed)
    made = new_part(plan)
    credits = clip_credits(made, row, listed)
    seconds = float(clip_seconds(made))
    what = "" if made is plan.deliver else " of it new"
    text = f"{catalog.prices.tiers[variant]} {row.size}, {seconds:.4g} s{what}"
    return Price(credits, listed.name, (PriceLine(text, credits),))


def new_part(plan: Planned) -> Shape:
    """The clip that is paid for. n new frames last as long as a clip of n + 1, first to last."""
    if plan.extend is not None:
        new = plan.extend.added
    elif plan.retake is not None:
        new = plan.retake.end_frame - plan.retake.first_frame
    else:
        return plan.deliver
    return replace(plan.deliver, num_frames=new + 1)


def clip_seconds(shape: Shape) -> Fraction:
    """From the first frame to the last: 241 frames at 24 per second are exactly 10 seconds."""
    return Fraction(shape.num_frames - 1) / _rate(shape.fps)


def clip_credits(shape: Shape, row: PriceRow, listed: PriceList) -> int:
    """A point of the table as it stands; else seconds x rate, rounded, between its neighbours."""
    fps = _rate(shape.fps)
    for point in row.points:
        if abs(shape.num_frames - point.seconds * fps) <= NEAR_FRAMES:
            return point.credits
    seconds = clip_seconds(shape)
    exact = seconds * Fraction(str(row.per_second))
    credits = math.ceil(exact) if listed.rounding == "up" else math.floor(exact)
    for point in row.points:
        # A longer clip never costs less than a shorter one, even where a point leaves the rate.
        bound = max if point.seconds < seconds else min
        credits = bound(credits, point.credits)
    return max(credits, listed.minimum)


def _rate(fps: float) -> Fraction:
    return Fraction(fps).limit_denominator(100_000)


def _not_priced(shape: Shape, listed: PriceList) -> RequestRefused:
    return RequestRefused(
        [
            Problem(
                "not_priced",
                f"The price list {listed.name} has no price for {shape.width}x{shape.height}.",
                "Ask for a smaller picture.",
                "size",
            )
        ]
    )
