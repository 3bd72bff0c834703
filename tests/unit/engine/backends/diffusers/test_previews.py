"""Previews of the real model: like the clip they announce, early, and the same every time."""

import numpy as np
import pytest
import torch

from ltxserve.engine.backends.diffusers.previews import (
    PICTURES,
    SIDE,
    fit_preview,
    foreseen,
    middle_frame,
    pictures,
)
from ltxserve.media.frames import resize
from tests.tiny import Diary, backend, engine, request


def test_the_pictures_are_always_the_same():
    assert pictures().shape == (PICTURES, SIDE, SIDE, 3)
    assert (pictures() == pictures()).all()


def test_what_the_vae_encodes_is_shown_in_its_colours():
    model = backend()
    preview = fit_preview(model.pipeline.vae, model.device)
    vae = model.pipeline.vae
    colours = np.array([[[200, 40, 40], [40, 60, 190]], [[60, 170, 70], [225, 215, 200]]], np.uint8)
    picture = colours.repeat(64, axis=0).repeat(64, axis=1)
    still = torch.from_numpy(picture).permute(2, 0, 1)[None, :, None] / 127.5 - 1
    with torch.inference_mode():
        mean = vae.encode(still).latent_dist.mean
        shift, scale = (v.view(1, -1, 1, 1, 1) for v in (vae.latents_mean, vae.latents_std))
        shown = preview.picture(middle_frame((mean - shift) / scale))
    assert shown.shape == (16, 16, 3)
    assert np.abs(resize(shown, 2, 2).astype(int) - colours).mean() < 40


def test_the_last_preview_looks_like_the_clip_and_earlier_ones_are_no_mere_noise():
    seen: list[np.ndarray] = []
    diary = Diary()
    clip = engine().generate(request(num_frames=17, num_inference_steps=4), diary)
    seen = [backend().preview(p.latents) for p in diary.told if p.latents is not None]
    # The middle of three latent frames stands for pixel frames 1 to 8.
    wanted = resize(clip.frames[4], 16, 16).astype(int)
    away = [np.abs(picture.astype(int) - wanted).mean() for picture in seen]
    noise = np.random.default_rng(0).integers(0, 256, wanted.shape)
    assert len(away) == 4
    assert away[-1] < 25
    assert max(away) < np.abs(noise - wanted).mean()


@pytest.mark.parametrize("ended", [0.0, 0.3, 0.7])
def test_a_step_along_a_straight_line_foresees_its_end(ended: float):
    clean, noise = torch.randn(1, 6, 4), torch.randn(1, 6, 4)

    def at(sigma: float) -> torch.Tensor:
        return (1 - sigma) * clean + sigma * noise

    assert torch.allclose(foreseen(at(0.9), at(ended), (0.9, ended)), clean, atol=1e-4)


def test_a_step_that_goes_nowhere_foresees_where_it_is():
    latents = torch.randn(1, 6, 4)
    assert foreseen(latents, latents, (0.5, 0.5)) is latents
