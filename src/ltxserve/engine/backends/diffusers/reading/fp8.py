"""Linear layers whose weights stay in fp8: with the file's scales, multiplied where the GPU can."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.small import SmallLinear

_LARGEST = torch.finfo(torch.float8_e4m3fn).max
_GRID = 16  # cuBLAS multiplies fp8 matrices whose sides are multiples of it
_ABLE = (8, 9)  # Ada; Hopper and Blackwell are above


class Fp8Linear(SmallLinear):
    """A linear layer with fp8 weights: half the memory, and twice the speed on GPUs from Ada on.

    weight: (out, in) as stored. weight_scale: what it has to be multiplied with, one number or one
    for each output. input_scale: what inputs were divided by when the file was calibrated; 0 =
    not calibrated, each call finds its own.
    """

    weight_scale: Tensor
    input_scale: Tensor
    computes: bool = False
    """Whether it multiplies in fp8; else weights are made large for each call."""

    @classmethod
    def of(cls, linear: nn.Linear, kind: torch.dtype) -> Fp8Linear:
        """An empty layer in place of another one of the same size."""
        made = cls.holding(linear, linear.in_features, kind)
        made.register_buffer("weight_scale", torch.ones(()))
        made.register_buffer("input_scale", torch.zeros(()))
        return made

    def take_scales(self, found: Mapping[str, Tensor], device: torch.device) -> None:
        """Take those scales of a file that are there. Raises ValueError."""
        for which in ("weight_scale", "input_scale"):
            value = found.get(which, getattr(self, which)).float()
            if value.numel() not in (1, self.out_features):
                raise ValueError(f"{value.numel()} numbers for {self.out_features} outputs")
            value = value.reshape(()) if value.numel() == 1 else value
            setattr(self, which, value.to(device))

    def large_weight(self, dtype: torch.dtype) -> Tensor:
        """The weights as they are meant, (out, in)."""
        scale = self.weight_scale.float()
        scale = scale.reshape(-1, 1) if scale.numel() > 1 else scale.reshape(())
        if dtype == torch.float32:
            return self.weight.float() * scale
        return self.weight.to(dtype) * scale.to(dtype)

    def forward(self, input: Tensor) -> Tensor:
        """As nn.Linear's."""
        if self.computes:
            return self._multiplied(input)
        return super().forward(input)

    def _multiplied(self, inputs: Tensor) -> Tensor:
        """Inputs are rounded to fp8 by the file's scale, else by their own largest value.

        Few passes over them: they are larger than the weights, and memory is slower than fp8.
        """
        flat = inputs.reshape(-1, self.in_features)
        static = self.input_scale.float().reshape(())
        own = (torch.linalg.vector_norm(flat, float("inf")).float() / _LARGEST).clamp(min=1e-12)
        by = (1 / torch.where(static > 0, static, own)).to(flat.dtype)
        scale = 1 / by.float()  # of what they are really multiplied by: bf16 rounds it
        small = (flat * by).clamp_(-_LARGEST, _LARGEST)
        by_output = self.weight_scale.numel() > 1
        one = torch.ones_like(scale)
        product = torch._scaled_mm(
            small.to(torch.float8_e4m3fn),
            self.weight.t(),
            scale_a=scale,
            scale_b=one if by_output else self.weight_scale.float().reshape(()),
            out_dtype=inputs.dtype,
            use_fast_accum=True,
        )
        if by_output:
            product = product * self.weight_scale.to(product.dtype).reshape(1, -1)
        if self.bias is not None:
            product = product + self.bias.to(product.dtype)
        return product.reshape(*inputs.shape[:-1], self.out_features)


def can_compute(device: torch.device, linear: Fp8Linear) -> bool:
    """Whether a device multiplies fp8 matrices of this layer's size."""
    if device.type != "cuda" or linear.weight.dtype != torch.float8_e4m3fn:
        return False
    able = torch.cuda.get_device_capability(device) >= _ABLE
    return able and linear.in_features % _GRID == 0 and linear.out_features % _GRID == 0


def choose_arithmetic(model: nn.Module, device: torch.device) -> None:
    """Let every fp8 layer of a model multiply in fp8 where the device can."""
    for module in model.modules():
        if isinstance(module, Fp8Linear):
            module.computes = can_compute(device, module)
