"""LTX-2.5's VAE whose decoder is a small diffusion model; the encoder is the usual one.

It stands where the convolutional VAE stands: what decodes frames in windows does not know which of
both it has. The decoder draws noise of its own, always the same, so that a clip decodes to the same
frames whenever it is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderKLLTX2Video, LTX2VideoDiffusionDecoderModel
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import Tensor

from ltxserve.engine.backends.diffusers.neighbourhood import Neighbourhood, natten_kernel

NOISE_SEED = 0
DECODER = "diffusion"
"""Key of the decoder's arguments among those of the whole."""


class DiffusionVae(AutoencoderKLLTX2Video):
    """Latents as AutoencoderKLLTX2Video's, frames by LTX2VideoDiffusionDecoderModel."""

    decoder: Any

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **more: Any) -> DiffusionVae:
        """One of these arguments: the encoder's, and under `diffusion` the decoder's."""
        own = {name: value for name, value in config.items() if name != DECODER}
        vae = AutoencoderKLLTX2Video.from_config(own, **more)
        return cls.of(vae, LTX2VideoDiffusionDecoderModel.from_config(dict(config[DECODER])))

    @classmethod
    def of(cls, vae: Any, decoder: Any) -> DiffusionVae:
        """A VAE with this decoder instead of its own."""
        # Statistics that the pipelines take from the VAE; the decoder has a copy and no use for it.
        for name in ("latents_mean", "latents_std"):
            delattr(decoder, name)
        decoder.set_attn_processor(Neighbourhood(natten_kernel()))
        vae.decoder = decoder
        vae.__class__ = cls
        return vae

    def enable_tiling(self, *sides: int | None, **more: int | None) -> None:
        """As AutoencoderKLLTX2Video's; tiles are the decoder's own."""
        super().enable_tiling(*sides, **more)
        self.decoder.enable_tiling(*sides, **more)

    def decode(
        self, z: Tensor, temb: Tensor | None = None, causal: Any = None, return_dict: bool = True
    ) -> Any:
        """As AutoencoderKLLTX2Video's. z: denormalised."""
        del temb, causal
        self.decoder.use_tiling = self.use_tiling
        noise = torch.Generator("cpu").manual_seed(NOISE_SEED)
        made = self.decoder.decode(z, generator=noise, return_dict=False)[0]
        return DecoderOutput(sample=made) if return_dict else (made,)
