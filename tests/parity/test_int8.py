"""int8 weights against ComfyUI's own kernels (`pip install comfy-kitchen`), on the CPU."""

import json

import pytest
import torch
from torch import nn

from ltxserve.engine.backends.diffusers.reading.int8 import Int8Linear


@pytest.mark.parametrize("group", [16, 64, 256])
def test_weights_and_products_are_theirs(group: int):
    theirs = pytest.importorskip("comfy_kitchen.backends.eager.quantization")
    chance = torch.Generator().manual_seed(0)
    weight = torch.randn(96, 512, generator=chance) * torch.rand(512, generator=chance)
    numbers, scale = theirs.quantize_int8_convrot_weight(weight, group)
    told = {"format": "int8_tensorwise", "convrot": True, "convrot_groupsize": group}
    ours = Int8Linear.of(nn.Linear(512, 96, bias=False))
    ours.weight = nn.Parameter(numbers.view(torch.uint8), False)
    note = torch.tensor([*json.dumps(told).encode()], dtype=torch.uint8)
    ours.take_scales({"weight_scale": scale, "comfy_quant": note}, torch.device("cpu"))
    wanted = theirs.dequantize_int8_convrot_weight(numbers, scale, group)
    assert torch.allclose(ours.large_weight(torch.float32), wanted, atol=1e-6)
    inputs = torch.randn(8, 512, generator=chance)
    product = theirs.int8_linear(
        inputs, numbers, scale, out_dtype=torch.float32, convrot=True, convrot_groupsize=group
    )
    # Theirs rounds the inputs to int8, too.
    assert (ours(inputs) - product).norm() / product.norm() < 0.02
