"""Lightricks' classes filled with a replica's weights, and our parts read from its file."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
from ltxserve.engine.backends.diffusers.reading.layout import load_layout
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from tests.replicas.build import Replica, replica
from tests.replicas.configs import ALL


def reference(place: str) -> Any:
    """One of their classes, as "module:name". Skips where they are not."""
    folders = os.environ.get("LTX_REFERENCE", "")
    if not folders:
        pytest.skip("LTX_REFERENCE names no folders of Lightricks' packages")
    for folder in folders.split(os.pathsep):
        if folder not in sys.path:
            sys.path.append(folder)
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


@functools.cache
def whole(name: str) -> Replica:
    """A replica in float32."""
    return replica(name, torch.float32)


@functools.cache
def ours(name: str, part: str) -> Any:
    """Our part, read from the replica's file."""
    layout = load_layout(name.removesuffix("-small"))
    wanted = next(p for p in layout.parts if p.name == part)
    with tempfile.TemporaryDirectory() as folder:
        file = open_tensors(whole(name).save(Path(folder) / "w.safetensors"))
        return assemble(wanted, [Source("checkpoint", file)], Choice(torch.float32))


def theirs(name: str, place: str, *prefixes: str) -> Any:
    """Their class of this configuration, with the replica's weights under these prefixes."""
    kind = reference(place)
    model = kind.from_metadata({"config": ALL[name].metadata})
    if any(parameter.is_meta for parameter in model.parameters()):
        model.to_empty(device="cpu")
    found = weights(name, *prefixes)
    own = set(model.state_dict())
    left = model.load_state_dict({n: t for n, t in found.items() if n in own}, strict=False)
    assert not left.missing_keys
    return model.eval()


def weights(name: str, *prefixes: str) -> dict[str, Tensor]:
    """The replica's tensors under these prefixes, without them; statistics keep their word."""
    found: dict[str, Tensor] = {}
    for prefix in prefixes:
        for stored, tensor in whole(name).tensors.items():
            if stored.startswith(prefix):
                kept = "per_channel_statistics." if "statistics" in prefix else ""
                found[kept + stored.removeprefix(prefix)] = tensor.float()
    return found


def error(one: Tensor, other: Tensor) -> float:
    """Their distance, relative to the second."""
    return float((one - other).norm() / other.norm())


TRANSFORMER = "ltx_core.model.transformer.model_configurator:LTXModelConfigurator"
Pair = tuple[Tensor, Tensor]


def both_made(name: str, own: Any, other: Any) -> tuple[Pair, Pair]:
    """What our transformer of picture and sound makes of random tokens, and what theirs makes."""
    told = ALL[name].metadata["transformer"]
    projected = told.get("caption_proj_before_connector")
    widths = ("cross_attention_dim", "audio_cross_attention_dim")
    context = [torch.randn(1, 7, told[w if projected else "caption_channels"]) for w in widths]
    video, audio = torch.randn(1, 12, told["in_channels"]), torch.randn(1, 5, 128)
    grid, times = places(), torch.arange(5).float()
    spans = torch.stack([times, times + 1], -1)[None, None] * 0.04
    sigma = torch.tensor([0.6])
    modality = reference("ltx_core.model.transformer.modality:Modality")

    def given(latent: Tensor, positions: Tensor, words: Tensor) -> Any:
        steps = sigma.expand(1, latent.shape[1])
        return modality(
            latent=latent, sigma=sigma, timesteps=steps, positions=positions, context=words
        )

    wanted = other(given(video, grid, context[0]), given(audio, spans, context[1]), None)
    made = own(
        hidden_states=video,
        audio_hidden_states=audio,
        encoder_hidden_states=context[0],
        audio_encoder_hidden_states=context[1],
        timestep=sigma[:, None].expand(1, 12) * 1000,
        audio_timestep=sigma[:, None].expand(1, 5) * 1000,
        sigma=sigma * 1000,
        audio_sigma=sigma * 1000,
        video_coords=grid,
        audio_coords=spans,
        return_dict=False,
    )
    return made, wanted


def places() -> torch.Tensor:
    """Where twelve tokens of 3 x 2 x 2 begin and end: seconds, pixels, pixels."""
    axes = torch.meshgrid(torch.arange(3), torch.arange(2), torch.arange(2), indexing="ij")
    size = torch.tensor([8.0, 32.0, 32.0])[None, :, None]
    begin = torch.stack(axes).reshape(1, 3, 12) * size
    spans = torch.stack([begin, begin + size], -1)
    spans[:, 0] /= 24
    return spans
