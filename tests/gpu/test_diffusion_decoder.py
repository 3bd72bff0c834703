"""LTX-2.5's diffusion decoder of full size with random weights, and its attention, on a GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLLTX2Video, LTX2VideoDiffusionDecoderModel

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.diffusers.decode import Window, decode_chunks
from ltxserve.engine.backends.diffusers.diffusion_vae import DiffusionVae
from ltxserve.engine.backends.diffusers.neighbourhood import Sides, in_blocks, natten_kernel
from ltxserve.engine.backends.diffusers.reading.assemble import Choice, assemble
from ltxserve.engine.plan import parse_request, plan
from tests.replicas.parts import part
from tests.unit.engine.backends.diffusers.reading.test_told_diffusion import VAE, opened

ROW = "ltx-2.5-22b-distilled-diffusion-vae"
FULL = (1280, 704, 121)


def random_parts(grid: Sides, device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    shape = (1, *grid, 2, 64)
    query, key, value = (torch.randn(shape, generator=chance) / 4 for _ in range(3))
    return query.to(device), key.to(device), value.to(device)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("grid", "kernel"), [((9, 20, 33), (3, 7, 7)), ((16, 24, 40), (11, 11, 11))]
)
def test_blocks_give_on_a_gpu_what_they_give_on_a_cpu(grid: Sides, kernel: Sides):
    wanted, made = (in_blocks(*random_parts(grid, at), kernel) for at in ("cpu", "cuda"))
    assert torch.allclose(made.cpu(), wanted, atol=1e-3)
    natten = natten_kernel()
    if natten is not None:
        theirs = natten(*random_parts(grid, "cuda"), kernel_size=kernel, scale=1.0)
        assert torch.allclose(theirs.cpu(), wanted, atol=1e-2)


def decoded(vae: Any, size: tuple[int, int, int], window: Window, device: str) -> tuple[int, int]:
    """Frames that were decoded, and the most memory that this took, less what lay there."""
    width, height, frames = size
    channels = vae.config.latent_channels
    grid = ((frames - 1) // 8 + 1, height // 32, width // 32)
    chance = torch.Generator().manual_seed(0)
    latents = torch.randn(1, channels, *grid, generator=chance).to(device, vae.dtype)
    if device != "cuda":
        return sum(len(chunk) for chunk in decode_chunks(vae, latents, window)), 0
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    count = sum(len(chunk) for chunk in decode_chunks(vae, latents, window))
    return count, torch.cuda.max_memory_allocated() - before


@pytest.mark.gpu
def test_a_clip_of_full_size_is_decoded_within_the_estimate():
    torch.manual_seed(0)
    with torch.device("cuda"):
        decoder: Any = LTX2VideoDiffusionDecoderModel()
        small: Any = AutoencoderKLLTX2Video(block_out_channels=(8, 8, 8, 8))
    vae: Any = DiffusionVae.of(small, decoder)
    vae.to(torch.bfloat16).requires_grad_(False)
    count, took = decoded(vae, FULL, Window(tiled=True), "cuda")
    assert count == FULL[2]
    asked = {"prompt": "x", "model": ROW, "width": FULL[0], "height": FULL[1], "num_frames": 121}
    parts = plan(parse_request(asked), load_catalog()).memory.components
    assert took < parts["decode"] + parts["frames"]


def test_a_small_one_is_decoded_by_the_same_code(tmp_path: Any):

    made = part("ltx-2.5-diffusion-vae-small", torch.float32)
    vae: Any = assemble(VAE, [opened(made, tmp_path)], Choice(torch.float32))
    assert decoded(vae, (96, 64, 17), Window(tiled=True), "cpu") == (17, 0)
