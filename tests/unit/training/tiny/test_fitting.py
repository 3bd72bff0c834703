"""One update of a module: downhill, at a scaled rate, from a state that can be taken up again."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ltxserve.training.tiny.fitting import Fitting, autocast


def module() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 8))


def loss_of(net: nn.Module, number: int) -> torch.Tensor:
    inputs = torch.randn(32, 8, generator=torch.Generator().manual_seed(number))
    return (net(inputs) - inputs.roll(1, 1)).square().mean()


def test_updates_go_downhill() -> None:
    net = module()
    fitting = Fitting(net, muon_lr=0.02, adam_lr=1e-2)
    first = loss_of(net, 0).item()
    for number in range(150):
        fitting.update(loss_of(net, number), 1 - number / 160)
    assert loss_of(net, 0).item() < 0.2 * first


def test_the_scale_multiplies_the_first_rates() -> None:
    net = module()
    fitting = Fitting(net, muon_lr=0.02, adam_lr=1e-2)
    for scale in (0.5, 0.1):
        fitting.update(loss_of(net, 0), scale)
        rates = [group["lr"] for o in fitting.optimizers for group in o.param_groups]
        assert rates == pytest.approx([0.02 * scale, 1e-2 * scale])


def test_a_scale_of_zero_changes_nothing() -> None:
    net = module()
    before = copy.deepcopy(net.state_dict())
    Fitting(net, 0.02, 1e-2).update(loss_of(net, 0), 0.0)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


def test_gradients_of_a_huge_loss_are_clipped() -> None:
    net = module()
    Fitting(net, 0.02, 1e-2).update(loss_of(net, 0) * 1e6, 1.0)
    norms = [weight.grad.norm() for weight in net.parameters() if weight.grad is not None]
    assert torch.stack(norms).norm().item() == pytest.approx(1.0, abs=1e-3)


def test_a_state_goes_on_where_it_was_taken() -> None:
    straight, net = module(), module()
    whole = Fitting(straight, 0.02, 1e-2)
    for number in range(6):
        whole.update(loss_of(straight, number), 1.0)
    half = Fitting(net, 0.02, 1e-2)
    for number in range(3):
        half.update(loss_of(net, number), 1.0)
    again = module()
    rest = Fitting(again, 0.02, 1e-2)
    rest.restore(half.state())
    for number in range(3, 6):
        rest.update(loss_of(again, number), 1.0)
    for key, value in straight.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_a_state_of_another_module_is_refused() -> None:
    state = Fitting(nn.Sequential(nn.Linear(8, 9)), 0.02, 1e-2).state()
    with pytest.raises(RuntimeError, match=r"size mismatch|Missing key"):
        Fitting(module(), 0.02, 1e-2).restore(state)


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_autocast_is_bfloat16(device: str) -> None:
    with autocast(device):
        assert module()(torch.zeros(1, 8)).dtype == torch.bfloat16
