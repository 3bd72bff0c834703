"""Prices: the table as it was given, and what holds between its points."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.catalog import load_catalog
from ltxserve.credits.pricing import Price, clip_seconds, price_of
from ltxserve.engine.plan import PlannedExtend, PlannedRetake, plan
from ltxserve.errors import LtxserveError, RequestRefused
from ltxserve.types import GenerationRequest, Shape

CATALOG = load_catalog()
FAST = "ltx-2-19b-distilled-fp8"
PRO = "ltx-2-19b-dev-fp8"
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
TABLE = {
    (FAST, "720p"): {10: 30, 15: 45, 20: 60},
    (FAST, "1080p"): {10: 45, 15: 67, 20: 90},
    (PRO, "720p"): {10: 45, 15: 67, 20: 90},
    (PRO, "1080p"): {10: 60, 15: 90, 20: 120},
}


@dataclass(frozen=True)
class Clip:
    """The part of a plan that a price needs."""

    model: str
    deliver: Shape
    extend: PlannedExtend | None = None
    retake: PlannedRetake | None = None


def cost(model: str, size: str, seconds: float, fps: float = 24.0, listed: str = "table") -> int:
    frames = round(seconds * fps / 8) * 8 + 1
    return price_of(Clip(model, Shape(*SIZES[size], frames, fps)), listed, CATALOG).credits


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 50.0, 24000 / 1001])
def test_the_table_holds_at_every_frame_rate(fps: float):
    for (model, size), points in TABLE.items():
        assert {s: cost(model, size, s, fps) for s in points} == points


@pytest.mark.parametrize("model", ["ltx-2-19b-distilled", "ltx-2-19b-dev", "ltx-2.3-22b-dev"])
def test_other_precisions_and_versions_cost_what_their_variant_costs(model: str):
    twin = PRO if "dev" in model else FAST
    assert cost(model, "1080p", 10) == cost(twin, "1080p", 10)


def test_between_and_around_the_points_seconds_count_rounded_down():
    assert cost(FAST, "720p", 12) == 36
    assert cost(FAST, "1080p", 5) == 22  # 22.5
    assert cost(PRO, "1080p", 12) == 72  # the table's own 6 per second, not the rule's 6.75
    assert cost(FAST, "720p", 30) == 90


def test_portrait_costs_what_landscape_costs():
    tall = price_of(Clip(FAST, Shape(1080, 1920, 241, 24.0)), "table", CATALOG)
    assert tall.credits == 45


def test_the_shortest_clip_is_not_free():
    assert price_of(Clip(FAST, Shape(64, 64, 1, 24.0)), "table", CATALOG).credits == 1


def test_by_the_second_rounds_up():
    assert cost(FAST, "1080p", 5, listed="per-second") == 23
    assert cost(PRO, "1080p", 10, listed="per-second") == 68


def test_free_is_free():
    price = price_of(Clip(PRO, Shape(7680, 4320, 481, 24.0)), "free", CATALOG)
    assert price.credits == 0


def test_a_size_without_a_price_is_refused():
    with pytest.raises(RequestRefused) as refusal:
        price_of(Clip(FAST, Shape(7680, 4320, 241, 24.0)), "table", CATALOG)
    assert refusal.value.codes == ("not_priced",)


def test_an_unknown_list_is_refused():
    with pytest.raises(LtxserveError) as refusal:
        price_of(Clip(FAST, Shape(1280, 720, 241, 24.0)), "gold", CATALOG)
    assert refusal.value.code == "unknown_price_list"


def test_seconds_run_from_the_first_frame_to_the_last():
    assert clip_seconds(Shape(64, 64, 241, 24.0)) == 10
    assert float(clip_seconds(Shape(64, 64, 121, 30000 / 1001))) == pytest.approx(4.004)


def test_a_price_explains_itself():
    price = price_of(Clip(PRO, Shape(1920, 1080, 361, 24.0)), "table", CATALOG)
    assert [(line.text, line.credits) for line in price.lines] == [("Pro 1080p, 15 s", 90)]
    assert price.to_dict() == {
        "credits": 90,
        "price_list": "table",
        "lines": [{"text": "Pro 1080p, 15 s", "credits": 90}],
    }


def made_from(source_frames: int, **way: dict[str, object]) -> Price:
    asked = GenerationRequest.model_validate(
        {"prompt": "a red ball", "model": FAST, "width": 1280, "height": 720, "fps": 24, **way}
    )
    (name,) = way
    source = getattr(asked, name).model_copy(update={"source_frames": source_frames})
    return price_of(plan(asked.model_copy(update={name: source}), CATALOG), "table", CATALOG)


@pytest.mark.parametrize("direction", ["end", "start"])
def test_an_extension_costs_what_is_added(direction: str):
    words = {"source": "a.mp4", "seconds": 5, "direction": direction}
    short, long = (made_from(frames, extend=words) for frames in (121, 2401))
    assert short.credits == long.credits == cost(FAST, "720p", 5)
    assert [line.text for line in short.lines] == ["Fast 720p, 5 s of it new"]


def test_a_retake_costs_what_is_made_anew():
    words = {"source": "a.mp4", "start": 1.0, "end": 3.0}
    short, long = (made_from(frames, retake=words) for frames in (121, 481))
    assert short.credits == long.credits
    # The range is widened to whole latent frames: at most one more at either end.
    assert cost(FAST, "720p", 2) <= short.credits <= cost(FAST, "720p", 2 + 16 / 24)


def test_a_real_plan_has_a_price():
    planned = plan(GenerationRequest(prompt="a red ball"), CATALOG)
    assert price_of(planned, "table", CATALOG).credits >= 1


@given(
    st.sampled_from([FAST, PRO]),
    st.sampled_from(list(SIZES)),
    st.integers(0, 120),
    st.sampled_from([8.0, 24.0, 25.0, 30.0, 60.0]),
    st.sampled_from(["table", "per-second"]),
)
def test_longer_is_never_cheaper(model: str, size: str, steps: int, fps: float, listed: str):
    def price(count: int) -> Price:
        shape = Shape(*SIZES[size], 8 * count + 1, fps)
        return price_of(Clip(model, shape), listed, CATALOG)

    shorter, longer = price(steps), price(steps + 1)
    assert 1 <= shorter.credits <= longer.credits
    assert sum(line.credits for line in longer.lines) == longer.credits
