"""Bytes that live, on tensors without memory; and the figures that plans estimate by."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it

from benchmarks.engine.live import Live, kept_alive
from ltxserve.catalog import load_catalog
from ltxserve.engine.plan.memory import HELD, held
from ltxserve.types import Shape


def test_what_is_let_go_does_not_count():
    with Live() as live:
        first = torch.empty(1000, device="meta")
        second = first + 1
        view = second.view(10, 100)
        del first, second
        assert live.now == 4000  # the view keeps it
        third = view * 2
        del view
        fourth = third + 1
    assert live.peak == 8000
    assert live.now == 8000
    assert fourth.shape == third.shape


def test_attention_writes_no_scores_down():
    tokens = torch.empty(1, 2, 5000, 8, device="meta")
    with Live() as live:
        made = F.scaled_dot_product_attention(tokens, tokens, tokens)
    assert made.shape == tokens.shape
    assert live.peak == tokens.nbytes


@pytest.mark.parametrize("model", ["ltxv-2b-0.9.8-distilled", "ltx-2-19b-dev", "ltx-2.5-22b-dev"])
def test_plans_estimate_by_what_models_of_full_size_keep_alive(model: str):
    """Counted again at another size than the figures were: they hold for every one."""
    spec = load_catalog().model(model)
    counted, figures = kept_alive(spec, Shape(768, 512, 57, 24.0)), held(spec)
    assert counted.denoise == pytest.approx(figures.denoise, rel=0.03)
    assert counted.decode == pytest.approx(figures.decode, rel=0.03)


def test_what_was_not_counted_is_taken_for_the_most():
    known = load_catalog().model("ltx-2-19b-dev")
    unknown = dataclasses.replace(known, name="new", layout="new", family="new")
    assert held(unknown).decode == max(figures.decode for figures in HELD.values())
    assert held(unknown).denoise == max(figures.denoise for figures in HELD.values())
