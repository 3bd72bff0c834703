"""Part by part: relative error against Lightricks' classes, in float32."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.parity.reference import (
    TRANSFORMER,
    both_made,
    error,
    ours,
    places,
    reference,
    theirs,
    weights,
)
from tests.replicas.build import MODEL
from tests.replicas.configs import ALL

LTX2 = ["ltx-2.0-small", "ltx-2.3-small", "ltx-2.5-small"]
LTXV = "ltxv-0.9.5-small"
GENERATIONS = ["ltxv-0.9.0-small", "ltxv-0.9.1-small", LTXV]
MOST = 1e-5
VIDEO = "ltx_core.model.video_vae.model_configurator"
AUDIO = "ltx_core.model.audio_vae.model_configurator"
TEXT = "ltx_core.text_encoders.gemma.embeddings_connector"


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def clip() -> torch.Tensor:
    return torch.rand(1, 3, 9, 64, 64) * 2 - 1


@pytest.mark.parametrize("name", LTX2)
def test_the_picture_goes_into_latents(name: str):
    own = ("vae.encoder.", "vae.per_channel_statistics.")
    encoder = theirs(name, f"{VIDEO}:VideoEncoderConfigurator", *own)
    pixels, vae = clip(), ours(name, "vae")
    assert error(vae.encode(pixels).latent_dist.mean, encoder(pixels)) < MOST


@pytest.mark.parametrize("name", LTX2)
def test_latents_become_a_picture(name: str):
    own = ("vae.decoder.", "vae.per_channel_statistics.")
    decoder = theirs(name, f"{VIDEO}:VideoDecoderConfigurator", *own)
    latents, vae = torch.randn(1, 32, 2, 2, 2), ours(name, "vae")
    assert error(vae.decode(latents).sample, decoder(latents)) < MOST


@pytest.mark.parametrize("name", LTX2)
def test_latents_become_a_spectrum(name: str):
    own = ("audio_vae.decoder.", "audio_vae.per_channel_statistics.")
    decoder = theirs(name, f"{AUDIO}:AudioDecoderConfigurator", *own)
    latents, vae = torch.randn(1, 8, 10, 16), ours(name, "audio_vae")
    assert error(vae.decode(latents, return_dict=False)[0], decoder(latents)) < MOST


@pytest.mark.parametrize("name", LTX2)
def test_a_spectrum_becomes_sound(name: str):
    vocoder = theirs(name, f"{AUDIO}:VocoderConfigurator", "vocoder.")
    mel = torch.randn(1, 2, 20, 64)
    assert error(ours(name, "vocoder")(mel), vocoder(mel)) < MOST


@pytest.mark.parametrize("modality", ["video", "audio"])
@pytest.mark.parametrize("name", LTX2)
def test_connectors(name: str, modality: str):
    kind = "Embeddings1DConnectorConfigurator"
    place = f"{TEXT}:{'Audio' if modality == 'audio' else ''}{kind}"
    connector = theirs(name, place, f"{MODEL}{modality}_embeddings_connector.")
    states, mask = torch.randn(1, 128, connector.inner_dim), torch.zeros(1, 1, 1, 128)
    own = ours(name, "connectors").get_submodule(f"{modality}_connector")(states, mask)[0]
    assert error(own, connector(states, mask)[0]) < MOST


@pytest.mark.parametrize("name", LTX2)
def test_the_transformer_of_picture_and_sound(name: str):
    transformer = theirs(name, TRANSFORMER, MODEL)
    made, wanted = both_made(name, ours(name, "transformer"), transformer)
    assert error(made[0], wanted[0]) < MOST
    assert error(made[1], wanted[1]) < MOST


def test_the_transformer_of_ltx_video():
    kind = reference("ltx_video.models.transformers.transformer3d:Transformer3DModel")
    transformer = kind.from_config(ALL[LTXV].metadata["transformer"]).eval()
    transformer.load_state_dict(weights(LTXV, MODEL))
    tokens, words, mask = torch.randn(1, 12, 128), torch.randn(1, 5, 64), torch.ones(1, 5)
    grid, time = places()[..., 0], torch.tensor([0.5])
    shared = {"encoder_hidden_states": words, "encoder_attention_mask": mask}
    wanted = transformer(tokens, indices_grid=grid, timestep=time, return_dict=False, **shared)
    made = ours(LTXV, "transformer")(
        tokens, timestep=time[:, None] * 1000, video_coords=grid, return_dict=False, **shared
    )
    assert error(made[0], wanted[0]) < MOST


@pytest.mark.parametrize("name", GENERATIONS)
def test_the_vae_of_ltx_video(name: str):
    kind = reference(
        "ltx_video.models.autoencoders.causal_video_autoencoder:CausalVideoAutoencoder"
    )
    own: Any = ours(name, "vae")
    vae = kind.from_config(dict(ALL[name].metadata["vae"])).eval()
    vae.load_state_dict(weights(name, "vae."), strict=False)
    pixels, latents, time = clip(), torch.randn(1, 128, 2, 2, 2), torch.tensor([0.05])
    assert (
        error(own.encode(pixels).latent_dist.mode(), vae.encode(pixels).latent_dist.mode()) < MOST
    )
    torch.manual_seed(1)  # the decoder of 0.9.1 draws noise
    wanted = vae.decode(latents, target_shape=pixels.shape, timestep=time).sample
    torch.manual_seed(1)
    assert error(own.decode(latents, time).sample, wanted) < MOST
