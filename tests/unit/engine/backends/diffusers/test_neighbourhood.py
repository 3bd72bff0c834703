"""Attention to neighbours: in blocks as at once, whatever the grid; NATTEN's kernel where it is."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.ltx2_diffusion_decoder import (
    LTX2VideoVaeNeighborhoodAttention,
    LTX2VideoVaeNeighborhoodAttnProcessor,
)
from torch import Tensor

from ltxserve.engine.backends.diffusers.neighbourhood import (
    Neighbourhood,
    Sides,
    in_blocks,
    natten_kernel,
)


def one_by_one(query: Tensor, key: Tensor, value: Tensor, kernel: Sides) -> Tensor:
    """Every token by itself: its window, moved inwards at the ends."""
    out = torch.zeros_like(query)
    grid = query.shape[1:4]
    for place in itertools.product(*map(range, grid)):
        spans = []
        for at, length, most in zip(place, grid, kernel, strict=True):
            wide = min(most, length)
            start = min(max(at - wide // 2, 0), length - wide)
            spans.append(slice(start, start + wide))
        seen = [part[(slice(None), *spans)].flatten(1, 3) for part in (key, value)]
        here = (slice(None), *place)
        scores = torch.einsum("bhd,bnhd->bhn", query[here], seen[0]).softmax(-1)
        out[here] = torch.einsum("bhn,bnhd->bhd", scores, seen[1])
    return out


def parts(grid: Sides, seed: int = 0) -> list[Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return [torch.randn(1, *grid, 2, 4, generator=chance) for _ in range(3)]


@pytest.mark.parametrize(
    ("grid", "kernel"),
    [
        ((3, 4, 5), (3, 3, 3)),
        ((9, 10, 17), (3, 5, 3)),
        ((8, 8, 8), (3, 7, 7)),
        ((2, 16, 9), (3, 3, 11)),
        ((1, 1, 1), (3, 3, 3)),
        ((13, 3, 20), (11, 11, 11)),
        ((26, 27, 9), (3, 5, 3)),
    ],
)
def test_blocks_give_what_every_token_by_itself_gives(grid: Sides, kernel: Sides):
    query, key, value = parts(grid)
    made = in_blocks(query, key, value, kernel)
    assert torch.allclose(made, one_by_one(query, key, value, kernel), atol=1e-5)


def test_a_token_beyond_the_window_is_not_seen():
    query, key, value = parts((3, 9, 20))
    before = in_blocks(query, key, value, (3, 3, 3))
    value[:, 1, 4, 10] += 100
    changed = (in_blocks(query, key, value, (3, 3, 3)) - before).abs().sum((0, 4, 5)) > 1e-6
    assert torch.equal(changed.nonzero().amin(0), torch.tensor([0, 3, 9]))
    assert torch.equal(changed.nonzero().amax(0), torch.tensor([2, 5, 11]))


def attention() -> Any:
    torch.manual_seed(0)
    return LTX2VideoVaeNeighborhoodAttention(32, (3, 3, 5), head_dim=16)


def test_it_takes_the_place_of_diffusers_own_processor():
    layer = attention()
    states = torch.randn(1, 3, 6, 9, 32)
    with torch.inference_mode():
        layer.set_processor(LTX2VideoVaeNeighborhoodAttnProcessor())
        wanted = layer(states)
        layer.set_processor(Neighbourhood())
        assert layer.build_block_mask(states) is None, "as large as all tokens squared"
        assert torch.allclose(layer(states), wanted, atol=1e-5)


def test_the_kernel_is_for_gpus_alone():
    def kernel(*told: Any, **more: Any) -> Tensor:
        raise AssertionError("not on a CPU")

    layer = attention()
    layer.set_processor(Neighbourhood(kernel))
    assert layer(torch.randn(1, 3, 3, 5, 32)).shape == (1, 3, 3, 5, 32)


def test_natten_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    if importlib.util.find_spec("natten") is None:
        assert natten_kernel() is None
    (tmp_path / "natten.py").write_text("def na3d():\n    return 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = sys.modules.pop("natten", None)
    try:
        found = natten_kernel()
    finally:
        sys.modules.pop("natten", None)
        if before is not None:
            sys.modules["natten"] = before
    assert found is not None
    assert found() == 3
