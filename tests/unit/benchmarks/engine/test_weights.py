"""Models of full size, without their memory: as large as the files that the catalog names."""

import pytest
import torch
from torch import nn

from benchmarks.engine.weights import FULL, empty_part, fill
from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.diffusers.reading.layout import load_layout

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("model", "billions"),
    [("ltxv-2b-0.9.8-distilled", 1.92), ("ltxv-13b-0.9.8-distilled", 13.04),
     ("ltx-2-19b-distilled", 18.88)],
)  # fmt: skip
def test_transformers_of_full_size_have_their_parameters(model: str, billions: float):
    spec = load_catalog().model(model)
    layout = load_layout(spec.layout)
    part = next(part for part in layout.parts if part.name == "transformer")
    made = empty_part(part, layout, spec, FULL)
    count = sum(weights.numel() for weights in made.parameters())
    assert all(weights.is_meta for weights in made.parameters())
    assert count / 1e9 == pytest.approx(billions, rel=0.01)
    checkpoint = next(file for file in spec.files if file.role == "checkpoint")
    assert checkpoint.bytes is not None
    assert 2 * count < checkpoint.bytes < 2 * count + 12e9  # the other parts are in it, too


def test_what_goes_in_comes_out_as_large():
    torch.manual_seed(0)
    layers = nn.Sequential(*(nn.Linear(256, 256, device="meta") for _ in range(4)))
    made = fill(layers, CPU, torch.float32)
    spread = made(torch.randn(500, 256)).std()
    assert 0.8 < spread < 1.25
    assert not any(weights.requires_grad for weights in made.parameters())
