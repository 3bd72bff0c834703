"""Latent upscalers against Lightricks' own classes, with the same weights, in float32."""

import functools
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
from ltxserve.engine.backends.diffusers.reading.layout import load_layout
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from tests.parity.reference import error, reference
from tests.replicas.build import Replica, upscaler
from tests.replicas.configs import UPSCALERS

MOST = 1e-5
LTX2 = "ltx_core.model.upsampler.model_configurator:LatentUpsamplerConfigurator"
LTXV = "ltx_video.models.autoencoders.latent_upsampler:LatentUpsampler"
CASES = {
    "ltxv-upscaler-small": "ltxv-0.9.5",
    "ltxv-temporal-upscaler-small": "ltxv-0.9.5",
    "ltx-2.0-upscaler-small": "ltx-2.0",
    "ltx-2.3-upscaler-small": "ltx-2.3",
    "ltx-2.0-temporal-upscaler-small": "ltx-2.5",
}


@functools.cache
def whole(name: str) -> Replica:
    """A replica in float32."""
    return upscaler(name, torch.float32)


def ours(name: str) -> Any:
    """Our part, read from the replica's file."""
    part = load_layout(CASES[name]).extras["temporal" in name]
    with tempfile.TemporaryDirectory() as folder:
        file = open_tensors(whole(name).save(Path(folder) / "w.safetensors"))
        return assemble(part, [Source(part.roles[0], file)], Choice(torch.float32))


def theirs(name: str) -> Any:
    """Their class, with the replica's weights."""
    told = dict(UPSCALERS[name].metadata)
    if name.startswith("ltxv"):
        model = reference(LTXV).from_config(told)
    else:
        model = reference(LTX2).from_metadata({"config": told})
    model.load_state_dict(dict(whole(name).tensors))
    return model.eval()


@pytest.mark.parametrize("name", CASES)
def test_latents_are_doubled(name: str):
    model = theirs(name)
    torch.manual_seed(0)
    latents = torch.randn(1, UPSCALERS[name].metadata["in_channels"], 3, 2, 4)
    with torch.inference_mode():
        made, wanted = ours(name)(latents), model(latents)
    assert made.shape[2:] == ((5, 2, 4) if "temporal" in name else (3, 4, 8))
    assert error(made, wanted) < MOST
