"""nvfp4 layers: what they hold is what an independent reading of the format says."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.fp4 import Fp4Linear, in_order, unpacked
from tests.replicas.fp4 import E2M1, E4M3, decode, encode, place_of

CPU = torch.device("cpu")


def matrix(rows: int, columns: int) -> tuple[dict[str, Tensor], Tensor]:
    """A random matrix as files have it, and what an independent decoder makes of that."""
    noise = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    packed, tiled, whole = encode(noise)
    parts = {
        "weight": torch.from_numpy(packed),
        "weight_scale": torch.from_numpy(tiled).view(torch.float8_e4m3fn),
        "weight_scale_2": torch.tensor(whole),
    }
    return parts, torch.from_numpy(decode(packed, tiled, whole))


def layer(rows: int = 160, columns: int = 96, bias: bool = True) -> tuple[Fp4Linear, Tensor]:
    parts, wanted = matrix(rows, columns)
    plain = nn.Linear(columns, rows, bias).requires_grad_(False)
    made = Fp4Linear.of(plain)
    made.weight = nn.Parameter(parts.pop("weight"), False)
    made.bias = plain.bias
    made.take_scales(parts, CPU)
    return made, wanted


def test_the_numbers_are_those_of_the_format():
    assert E2M1.tolist() == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    every = torch.arange(127, dtype=torch.uint8).view(torch.float8_e4m3fn).float()
    assert torch.equal(every, torch.from_numpy(E4M3))
    weight = torch.arange(256, dtype=torch.uint8).reshape(32, 8)
    made = unpacked(weight, torch.ones(32, 1), torch.tensor(1.0), torch.float32).reshape(-1)
    signed = [*E2M1.tolist(), *(-E2M1).tolist()]
    assert made[0::2].tolist() == [signed[byte >> 4] for byte in range(256)]
    assert made[1::2].tolist() == [signed[byte & 15] for byte in range(256)]


@pytest.mark.parametrize(("rows", "columns"), [(32, 4), (128, 4), (160, 6), (300, 9)])
def test_scales_are_taken_out_of_their_tiles(rows: int, columns: int):
    padded = -(-rows // 128) * 128, -(-columns // 4) * 4
    tiled = torch.arange(padded[0] * padded[1]).reshape(padded)
    made = in_order(tiled, rows, columns)
    wanted = [[place_of(row, column, columns) for column in range(columns)] for row in range(rows)]
    assert made.tolist() == wanted


@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (128, 64), (160, 96)])
def test_every_weight_is_exactly_that_of_the_format(rows: int, columns: int):
    made, wanted = layer(rows, columns)
    assert torch.equal(made.large_weight(torch.float32), wanted)
    assert torch.equal(made.large_weight(torch.bfloat16), wanted.to(torch.bfloat16))


@pytest.mark.parametrize("bias", [True, False])
def test_it_computes_as_its_large_weights_do(bias: bool):
    made, wanted = layer(bias=bias)
    inputs = torch.randn(2, 5, 96)
    assert torch.allclose(made(inputs), nn.functional.linear(inputs, wanted, made.bias), atol=1e-5)
    assert made(inputs.to(torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.gpu
def test_a_gpu_makes_the_same_numbers_of_it():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    made, wanted = layer()
    made.to("cuda")
    assert torch.equal(made.large_weight(torch.float32).cpu(), wanted)
    inputs = torch.randn(2, 5, 96, device="cuda")
    assert torch.allclose(made(inputs).cpu(), made.cpu()(inputs.cpu()), atol=1e-4)


def test_it_takes_little_more_than_a_quarter_of_the_memory():
    made, wanted = layer(256, 256)
    held = sum(t.numel() * t.element_size() for t in (made.weight, made.block_scale, made.scale))
    assert held / (wanted.numel() * 2) == pytest.approx(0.28125, rel=1e-3)
    assert isinstance(made, nn.Linear)  # adapters look for this class


def test_scales_that_do_not_fit_are_refused():
    made, _ = layer()
    parts, _ = matrix(160, 96)
    with pytest.raises(ValueError, match="12 scales"):
        made.take_scales({**parts, "weight_scale": torch.ones(12)}, CPU)
    with pytest.raises(ValueError, match="2 numbers"):
        made.take_scales({**parts, "weight_scale_2": torch.ones(2)}, CPU)
