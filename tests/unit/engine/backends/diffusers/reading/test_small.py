"""Small layers: of the size of those they replace, and large for each call."""

import pytest
import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.small import SmallLinear, in_parts


class Halved(SmallLinear):
    """Stores every second column, and means each of them twice."""

    def large_weight(self, dtype: torch.dtype) -> Tensor:
        return self.weight.to(dtype).repeat_interleave(2, 1)


@pytest.mark.parametrize("bias", [True, False])
def test_it_computes_with_its_large_weights(bias: bool):
    plain = nn.Linear(8, 6, bias).requires_grad_(False)
    made = Halved.holding(plain, 4, torch.float16)
    assert (made.in_features, made.out_features) == (8, 6)
    assert (tuple(made.weight.shape), made.weight.dtype) == ((6, 4), torch.float16)
    assert made.weight.is_meta
    assert (made.bias is not None) == bias
    weight = torch.randn(6, 4).to(torch.float16)
    made.weight = nn.Parameter(weight, False)
    made.bias = plain.bias
    inputs = torch.randn(2, 3, 8)
    wanted = nn.functional.linear(inputs, weight.float().repeat_interleave(2, 1), plain.bias)
    assert torch.equal(made(inputs), wanted)
    assert made(inputs.to(torch.bfloat16)).dtype == torch.bfloat16


def test_a_format_says_what_its_weights_are():
    made = SmallLinear.holding(nn.Linear(8, 6), 4, torch.uint8)
    with pytest.raises(NotImplementedError):
        made.large_weight(torch.float32)
    with pytest.raises(NotImplementedError):
        made.take_scales({}, torch.device("cpu"))


@pytest.mark.parametrize("at_once", [1, 8, 20, 1000])
def test_parts_of_the_rows_make_the_whole(at_once: int):
    wanted, asked = torch.randn(6, 8), []

    def some(rows: slice) -> Tensor:
        asked.append(rows)
        return wanted[rows]

    made = in_parts(torch.empty(6, 8, dtype=torch.bfloat16), some, at_once)
    assert torch.equal(made, wanted.to(torch.bfloat16))
    assert len(asked) == -(-6 // max(1, at_once // 8))
