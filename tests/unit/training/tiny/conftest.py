"""The parts of the built-in model with random weights, built once for all tests of a worker."""

from __future__ import annotations

import pytest
import torch

from ltxserve.training.tiny.assemble import Fitted
from ltxserve.training.tiny.model import build_audio_vae, build_vae, build_vocoder
from ltxserve.training.tiny.net import Net


@pytest.fixture(scope="session")
def unfitted() -> Fitted:
    """Every part as training begins with it."""
    torch.manual_seed(0)
    fitted = Fitted(build_vae(), build_audio_vae(), build_vocoder(), Net())
    for part in (fitted.vae, fitted.audio_vae, fitted.vocoder, fitted.net):
        part.eval()
    return fitted
