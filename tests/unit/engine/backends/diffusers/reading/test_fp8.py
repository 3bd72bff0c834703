"""fp8 layers: what they compute is what their large weights would."""

import pytest
import torch
from torch import nn

from ltxserve.engine.backends.diffusers.reading.fp8 import (
    Fp8Linear,
    can_compute,
    choose_arithmetic,
)


def layer(scale: torch.Tensor, bias: bool = True) -> tuple[Fp8Linear, nn.Linear]:
    """An fp8 layer, and the layer it stands for."""
    torch.manual_seed(0)
    plain = nn.Linear(32, 48, bias).requires_grad_(False)
    made = Fp8Linear.of(plain, torch.float8_e4m3fn)
    made.weight = nn.Parameter((torch.randn(48, 32) * 8).to(torch.float8_e4m3fn), False)
    made.bias = plain.bias
    made.weight_scale = scale
    plain.weight.copy_(made.weight.float() * (scale.reshape(-1, 1) if scale.numel() > 1 else scale))
    return made, plain


@pytest.mark.parametrize("scale", [torch.tensor(0.02), torch.rand(48) * 0.1 + 0.01])
@pytest.mark.parametrize("bias", [True, False])
def test_it_computes_as_its_large_weights_do(scale: torch.Tensor, bias: bool):
    made, plain = layer(scale, bias)
    inputs = torch.randn(2, 5, 32)
    assert torch.allclose(made(inputs), plain(inputs), atol=1e-5)
    half = made(inputs.to(torch.bfloat16))
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), plain(inputs), atol=0.1)


def test_it_takes_half_the_memory():
    made, _ = layer(torch.tensor(1.0))
    assert made.weight.element_size() == 1
    assert isinstance(made, nn.Linear)  # adapters look for this class


def test_a_cpu_does_not_multiply_in_fp8():
    made, _ = layer(torch.tensor(1.0))
    assert not can_compute(torch.device("cpu"), made)
    choose_arithmetic(nn.Sequential(made), torch.device("cpu"))
    assert not made.computes


@pytest.mark.parametrize("calibrated", [0.0, 0.02])
@pytest.mark.parametrize("scale", [torch.tensor(0.02), torch.rand(48) * 0.1 + 0.01])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_multiplying_in_fp8_rounds_inputs_and_nothing_else(
    calibrated: float, scale: torch.Tensor, bias: bool, kind: torch.dtype
):
    """By the arithmetic that GPUs have, which PyTorch has for a CPU too.

    3 bits of mantissa round by 2^-4 at most, so products of such inputs by a few percent.
    """
    made, plain = layer(scale, bias)
    made.input_scale = torch.tensor(calibrated)
    made.computes = True
    inputs = torch.randn(2, 30, 32).to(kind)
    by = calibrated or inputs.abs().max().item() / 448
    rounded = (inputs.float() / by).clamp(-448, 448).to(torch.float8_e4m3fn).float() * by
    product = made(inputs)
    assert product.dtype == kind
    assert product.shape == (2, 30, 48)
    wanted = plain(inputs.float())
    assert 1e-3 < far(product, wanted) < 0.05
    assert (product.float() * wanted).sum() / wanted.square().sum() == pytest.approx(1, abs=0.003)
    if kind == torch.float32:
        assert far(product, plain(rounded)) < 1e-3


def test_inputs_beyond_a_calibrated_scale_are_cut_off_and_not_infinite():
    made, _ = layer(torch.tensor(1.0))
    made.input_scale = torch.tensor(0.001)
    made.computes = True
    assert torch.isfinite(made(torch.full((2, 32), 1e4))).all()


def test_inputs_of_nothing_but_zeros_give_the_bias():
    made, plain = layer(torch.tensor(1.0))
    made.computes = True
    assert torch.equal(made(torch.zeros(3, 32)), plain(torch.zeros(3, 32)))


def far(made: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((made.float() - wanted).norm() / wanted.norm())


@pytest.mark.gpu
@pytest.mark.parametrize("calibrated", [0.0, 0.05])
def test_a_gpu_multiplies_in_fp8(calibrated: float):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    device = torch.device("cuda")
    made, plain = layer(torch.tensor(0.02))
    made.input_scale = torch.tensor(calibrated)
    made.to(device)
    plain.to(device)
    if not can_compute(device, made):
        pytest.skip("needs a GPU from Ada on")
    choose_arithmetic(nn.Sequential(made), device)
    inputs = torch.randn(64, 32, device=device, dtype=torch.bfloat16)
    wanted = plain(inputs.float())
    error = (made(inputs).float() - wanted).norm() / wanted.norm()
    assert error < 0.08
