"""Arithmetic counted on tensors without memory, against sums done by hand."""

import pytest

from benchmarks.engine.work import denoising_flops, floor_seconds, forward_flops
from ltxserve.catalog import load_catalog
from ltxserve.engine.plan import parse_request, plan
from ltxserve.types import Shape

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("model", "width", "layers", "tokens", "text"),
    [("ltxv-2b-0.9.8-distilled", 2048, 28, 14_080, 256)],
)
def test_a_forward_pass_is_counted(model: str, width: int, layers: int, tokens: int, text: int):
    """Per token and layer: 4 squares of the width in self-attention, 2 to a text and 8 in the
    feed-forward; per token of text 2. Attention: two products with every other token.
    """
    counted = forward_flops(CATALOG.model(model), Shape(1280, 704, 121, 24.0))
    linear = 2 * layers * width**2 * (14 * tokens + 2 * text)
    attention = 4 * layers * width * tokens * (tokens + text)
    assert counted["linear"] == pytest.approx(linear, rel=0.01)
    assert counted["attention"] == pytest.approx(attention, rel=0.01)


def test_a_clip_is_all_its_steps():
    spec = CATALOG.model("ltxv-2b-0.9.8-distilled")
    told = {"prompt": "x", "model": spec.name, "width": 768, "height": 512, "num_frames": 9}
    made = plan(parse_request(told), CATALOG)
    counted = denoising_flops(made, spec)
    wanted = sum(
        stage.steps * count
        for stage in made.passes
        for count in forward_flops(spec, stage.shape).values()
    )
    assert len(made.passes) == 2
    assert sum(counted.values()) == pytest.approx(wanted)


def test_fp8_is_twice_as_quick_for_what_it_multiplies():
    flops = {"linear": 1600e12, "attention": 800e12}
    assert floor_seconds(flops, fp8=False) == pytest.approx(3.0)
    assert floor_seconds(flops, fp8=True) == pytest.approx(2.0)
