"""Writes down names and shapes of the vendor's tensors, from the vendor's own classes.

    python -m tests.replicas.record FOLDER_OF_LTX_CORE FOLDER_OF_LTX_VIDEO

The folders are what `pip install --target` makes of the packages `ltx-core` and `ltx-video` (with
`einops`). PyPI's ltx-core 1.0.0 has no LTX-2.5: for that one, point to a checkout of version 1.2.0.
Only facts are kept: recorded/NAME.json. Nothing of those packages is used when tests run.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from tests.replicas.configs import LTX2, LTX2_UPSCALERS, LTXV, LTXV_UPSCALERS, Config
from tests.replicas.parts import HEADS, VAES, head_shapes, vae_shapes

RECORDED = Path(__file__).parent / "recorded"
BLOCKS = re.compile(r"(?<=blocks\.)\d+(?=\.)")
MODEL = "model.diffusion_model."
Shapes = dict[str, list[int]]


def collapsed(tensors: Mapping[str, torch.Tensor], prefix: str) -> Shapes:
    """Names and shapes; the numbers of equal blocks of the transformers as a star."""
    found: Shapes = {}
    for name, tensor in tensors.items():
        inside = "transformer_blocks." in name or "transformer_1d_blocks." in name
        key = prefix + (BLOCKS.sub("*", name) if inside else name)
        shape = list(tensor.shape)
        if found.setdefault(key, shape) != shape:
            raise ValueError(f"the blocks of {key} differ")
    return found


def built(place: str, metadata: Mapping[str, Any]) -> Mapping[str, torch.Tensor]:
    """The tensors of one of the vendor's models, without memory."""
    module, _, name = place.partition(":")
    with torch.device("meta"):
        kind = getattr(importlib.import_module(module), name)
        model = kind.from_metadata(metadata)
    return model.state_dict()


AUDIO = "ltx_core.model.audio_vae.model_configurator"
VIDEO = "ltx_core.model.video_vae.model_configurator"
TEXT = "ltx_core.text_encoders.gemma.embeddings_connector"
LTX2_PARTS = (
    (MODEL, "ltx_core.model.transformer.model_configurator:LTXModelConfigurator"),
    (f"{MODEL}video_embeddings_connector.", f"{TEXT}:Embeddings1DConnectorConfigurator"),
    (f"{MODEL}audio_embeddings_connector.", f"{TEXT}:AudioEmbeddings1DConnectorConfigurator"),
    ("vae.encoder.", f"{VIDEO}:VideoEncoderConfigurator"),
    ("vae.decoder.", f"{VIDEO}:VideoDecoderConfigurator"),
    ("audio_vae.encoder.", f"{AUDIO}:AudioEncoderConfigurator"),
    ("audio_vae.decoder.", f"{AUDIO}:AudioDecoderConfigurator"),
    ("vocoder.", f"{AUDIO}:VocoderConfigurator"),
)
_STATISTICS = re.compile(r"(vae\.)(encoder|decoder)\.(per_channel_statistics\.)")


def ltx2(config: Config) -> Shapes:
    """All parts of an LTX-2 checkpoint but the text encoder, under the names of the monolith."""
    metadata = {"config": config.metadata}
    found: Shapes = {}
    for prefix, place in LTX2_PARTS:
        shapes = collapsed(built(place, metadata), prefix)
        # Encoder and decoder share their statistics, which lie beside them in the files.
        found.update({_STATISTICS.sub(r"\1\3", name): shape for name, shape in shapes.items()})
    return {**found, **text_projection(config)}


def text_projection(config: Config) -> Shapes:
    """The projection of the text encoder's layers, as the vendor's feature extractors have it."""
    told = config.metadata["transformer"]
    flat = config.text_width * (config.text_layers + 1)
    root = "text_embedding_projection."
    if not told.get("caption_proj_before_connector"):
        return {f"{root}aggregate_embed.weight": [config.text_width, flat]}
    found: Shapes = {}
    for kind, modality in (("video", ""), ("audio", "audio_")):
        heads, each = (
            told[f"{modality}{n}"] for n in ("num_attention_heads", "attention_head_dim")
        )
        found[f"{root}{kind}_aggregate_embed.weight"] = [heads * each, flat]
        found[f"{root}{kind}_aggregate_embed.bias"] = [heads * each]
    return found


def ltxv(config: Config) -> Shapes:
    """Transformer and VAE of an LTX-Video checkpoint."""
    transformers = importlib.import_module("ltx_video.models.transformers.transformer3d")
    vaes = importlib.import_module("ltx_video.models.autoencoders.causal_video_autoencoder")
    with torch.device("meta"):
        transformer = transformers.Transformer3DModel.from_config(config.metadata["transformer"])
        vae = vaes.CausalVideoAutoencoder.from_config(dict(config.metadata["vae"]))
    found = {**collapsed(transformer.state_dict(), MODEL), **collapsed(vae.state_dict(), "vae.")}
    channels = [config.metadata["vae"]["latent_channels"]]
    statistics = "vae.per_channel_statistics."
    return {**found, f"{statistics}mean-of-means": channels, f"{statistics}std-of-means": channels}


def ltxv_upscaler(config: Config) -> Shapes:
    """A latent upscaler of LTX-Video."""
    module = importlib.import_module("ltx_video.models.autoencoders.latent_upsampler")
    with torch.device("meta"):
        made = module.LatentUpsampler.from_config(dict(config.metadata))
    return collapsed(made.state_dict(), "")


def ltx2_upscaler(config: Config) -> Shapes:
    """A latent upscaler of LTX-2."""
    place = "ltx_core.model.upsampler.model_configurator:LatentUpsamplerConfigurator"
    return collapsed(built(place, {"config": config.metadata}), "")


def main(folders: Iterable[str]) -> None:
    """Record every configuration."""
    sys.path[:0] = list(folders)
    RECORDED.mkdir(exist_ok=True)
    for configs, record in RECORDS:
        for config in configs:
            tensors = dict(sorted(record(config).items()))
            text = json.dumps(tensors, indent=0)
            (RECORDED / f"{config.name}.json").write_text(_tight(text) + "\n", "utf-8")


RECORDS = (
    (LTX2, ltx2),
    (LTXV, ltxv),
    (LTXV_UPSCALERS, ltxv_upscaler),
    (LTX2_UPSCALERS, ltx2_upscaler),
    (HEADS, head_shapes),
    (VAES, vae_shapes),
)


def _tight(text: str) -> str:
    """Lists on one line."""
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found.group()), text)


if __name__ == "__main__":
    main(sys.argv[1:])
