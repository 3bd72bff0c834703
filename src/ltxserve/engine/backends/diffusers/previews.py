"""Fits a model's previews with its own VAE, on pictures drawn by chance; knows no prompt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKLLTX2Video
from torch import Tensor

from ltxserve.engine.preview import LinearPreview, fit
from ltxserve.media.frames import resize

PICTURES = 16
SIDE = 128  # pixels: 16 latents a picture where a latent is 32 x 32 pixels
_PATCHES = 5  # flat-coloured rectangles on each picture, so that edges are among what is fitted


def fit_preview(vae: AutoencoderKLLTX2Video, device: torch.device) -> LinearPreview:
    """The preview of latents that this VAE encodes, as the sampler sees them (normalised).

    Fitted on stills: measured on the built-in model, still clips of nine frames give the same
    matrix and take nine times as long.
    """
    drawn = pictures()
    return fit(np.concatenate([_encoded(vae, picture, device) for picture in drawn]), drawn)


def pictures() -> npt.NDArray[np.uint8]:
    """Always the same pictures (PICTURES, SIDE, SIDE, 3): soft colours under hard edges."""
    chance = np.random.default_rng(8)
    drawn = []
    for _ in range(PICTURES):
        colours = chance.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        picture = resize(colours, SIDE, SIDE).copy()
        for _ in range(_PATCHES):
            top, left = chance.integers(0, SIDE - 32, 2)
            height, width = chance.integers(16, SIDE // 2, 2)
            picture[top : top + height, left : left + width] = chance.integers(0, 256, 3)
        drawn.append(picture)
    return np.stack(drawn)


def middle_frame(latents: Tensor) -> npt.NDArray[np.floating]:
    """The latent frame (c, h, w) in the middle of a clip's latents (1, c, f, h, w)."""
    return latents[0, :, latents.shape[2] // 2].float().cpu().numpy()


def foreseen(before: Tensor, after: Tensor, sigmas: tuple[float, float]) -> Tensor:
    """What a step from `before` to `after` is on its way to: the clip without its noise.

    sigmas: of the step's beginning and end. A flow's step goes along a straight line that ends at
    sigma 0 (Euler); where nothing was to be done, it is already there.
    """
    begun, ended = sigmas
    if begun == ended:
        return after
    return after + (after - before) * (ended / (begun - ended))


def _encoded(
    vae: AutoencoderKLLTX2Video, picture: npt.NDArray[np.uint8], device: torch.device
) -> npt.NDArray[np.floating]:
    still = torch.from_numpy(picture).to(device, vae.dtype).permute(2, 0, 1) / 127.5 - 1
    with torch.inference_mode():
        mean = vae.encode(still[None, :, None]).latent_dist.mean
    shift, scale = (b.view(1, -1, 1, 1, 1).to(mean) for b in (vae.latents_mean, vae.latents_std))
    scaled = (mean - shift) * vae.config.scaling_factor / scale
    return scaled[:, :, 0].float().cpu().numpy()
