"""Parts that came with LTX-2.5 against Lightricks' own classes, with the same weights, float32."""

import functools
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from ltxserve.engine.backends.diffusers.diffusion_vae import NOISE_SEED
from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
from ltxserve.engine.backends.diffusers.reading.layout import load_layout
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from tests.parity.reference import error, reference
from tests.replicas.build import Replica
from tests.replicas.parts import PARTS, part

MOST = 1e-5
HEAD = "ltx-2.5-duration-head-small"
VAE = "ltx-2.5-diffusion-vae-small"
CONFIGURED = "ltx_core.model.video_vae.model_configurator"


@functools.cache
def whole(name: str) -> Replica:
    """A replica in float32."""
    return part(name, torch.float32)


def ours(name: str, role: str) -> Any:
    """Our part, read from the replica's file."""
    layout = load_layout("ltx-2.5-diffusion")
    layout = next(p for p in (*layout.parts, *layout.extras) if role in p.roles)
    with tempfile.TemporaryDirectory() as folder:
        file = open_tensors(whole(name).save(Path(folder) / "w.safetensors"))
        return assemble(layout, [Source(role, file)], Choice(torch.float32))


def test_a_clips_length():
    kind = reference("ltx_core.duration_head.model_configurator:DurationHeadConfigurator")
    model = kind.from_metadata({"config": PARTS[HEAD].metadata}).eval()
    own = {n.removeprefix("duration_head."): t for n, t in whole(HEAD).tensors.items()}
    model.load_state_dict(own)
    torch.manual_seed(0)
    video, audio = torch.randn(3, 9, 128), torch.randn(3, 9, 64)
    head = ours(HEAD, "duration_head")
    with torch.inference_mode():
        for tokens in ((video, audio), (video, None), (None, audio)):
            assert error(head(*tokens), model(*tokens)) < MOST


def their_vae(side: str, folder: Path) -> Any:
    """Encoder or decoder with the replica's weights, cut and folded by their own loader."""
    kind = reference(f"{CONFIGURED}:Video{side}Configurator")
    model = kind.from_metadata({"config": PARTS[VAE].metadata}).eval()
    path = str(whole(VAE).save(folder / "w.safetensors"))
    names = reference(f"{CONFIGURED}:VAE_ENCODER_COMFY_KEYS_FILTER")
    if side == "Decoder":
        names = reference(f"{CONFIGURED}:video_decoder_sd_ops_for_checkpoint")(path)
    loader = reference("ltx_core.loader.sft_loader:SafetensorsStateDictLoader")()
    loaded = loader.load(path, names, torch.device("cpu")).sd
    assert not model.load_state_dict(loaded, strict=False).missing_keys
    return model


def test_a_picture_goes_into_the_latents_of_the_diffusion_vae(tmp_path: Path):
    torch.manual_seed(0)
    pixels = torch.rand(1, 3, 9, 64, 64) * 2 - 1
    with torch.inference_mode():
        wanted = their_vae("Encoder", tmp_path)(pixels)
        assert error(ours(VAE, "vae").encode(pixels).latent_dist.mean, wanted) < MOST


@pytest.mark.parametrize("size", [(3, 3, 3), (3, 4, 6), (5, 3, 4)])
def test_the_diffusion_decoder_makes_the_same_frames(tmp_path: Path, size: tuple[int, ...]):
    """With the same noise, by their attention for machines without NATTEN."""
    decoder = their_vae("Decoder", tmp_path)
    fallback = "ltx_core.model.video_vae.transformer.fallback_na:EagerSdpaAttention"
    reference("ltx_core.model.video_vae.transformer.apply:_set_attention_function")(
        decoder, reference(fallback)()
    )
    torch.manual_seed(0)
    latents = torch.randn(1, 32, *size)
    vae = ours(VAE, "vae")
    with torch.inference_mode():
        wanted = decoder(latents, generator=torch.Generator().manual_seed(NOISE_SEED))
        assert error(vae.decode(latents).sample, wanted) < MOST
    assert wanted.shape[2:] == ((size[0] - 1) * 8 + 1, size[1] * 32, size[2] * 32)
