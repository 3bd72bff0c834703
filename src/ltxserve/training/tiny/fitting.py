"""What every fitting job shares: one update of a module, and its state. It knows no model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ltxserve.training.tiny.muon import optimizers


class Fitting:
    """A module with its optimizers; updates with clipped gradients under a learning-rate scale."""

    def __init__(self, module: nn.Module, muon_lr: float, adam_lr: float) -> None:
        self.module = module
        self.optimizers = optimizers(module, muon_lr, adam_lr)

    def update(self, loss: Tensor, scale: float) -> None:
        """One step down the gradient of a loss."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * scale
            optimizer.step()

    def state(self) -> dict[str, Any]:
        """Weights and optimizer states."""
        return {
            "model": self.module.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up weights and optimizer states."""
        self.module.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


class OneFitting:
    """A training job whose state is that of its one fitting."""

    fitting: Fitting

    def state(self) -> dict[str, Any]:
        """What is needed to go on."""
        return self.fitting.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.fitting.restore(state)


def autocast(device: str) -> torch.autocast:
    """bfloat16 arithmetic where it is exact enough: about three times faster where CPUs have it."""
    return torch.autocast(device.split(":", maxsplit=1)[0], torch.bfloat16)
