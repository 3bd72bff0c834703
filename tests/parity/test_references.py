"""Control videos beside the clip: their places and how clean they are, as Lightricks has it."""

from types import SimpleNamespace

import pytest
import torch

from ltxserve.engine.backends.diffusers.references import Reference, with_references
from tests.parity.reference import ours, reference

NAME = "ltx-2.0-small"
CLIP = 3, 4, 6  # latent frames, rows, columns
FPS = 24.0


@pytest.mark.parametrize(("downscale", "strength", "frames"), [(1, 1.0, 3), (2, 0.7, 2)])
def test_reference_tokens_have_their_places_and_masks(downscale: int, strength: float, frames: int):
    shape = reference("ltx_core.types:VideoLatentShape")
    patches = reference("ltx_core.components.patchifiers:VideoLatentPatchifier")(patch_size=1)
    tools = reference("ltx_core.tools:VideoLatentTools")(
        patches, shape(batch=1, channels=32, frames=CLIP[0], height=CLIP[1], width=CLIP[2]), FPS
    )
    condition = reference(
        "ltx_core.conditioning.types.reference_video_cond:VideoConditionByReferenceLatent"
    )
    grid = frames, CLIP[1] // downscale, CLIP[2] // downscale
    latent = torch.randn(1, 32, *grid, generator=torch.Generator().manual_seed(0))
    state = tools.create_initial_state("cpu", torch.float32)
    own = state.latent.shape[1]
    wanted = condition(latent, downscale_factor=downscale, strength=strength).apply_to(state, tools)
    tokens = latent.flatten(2).transpose(1, 2)
    held = Reference(tokens, grid, strength, downscale)
    empty = torch.zeros(1, own, 32)
    made = with_references(
        SimpleNamespace(transformer=ours(NAME, "transformer")),
        [held],
        (empty, torch.zeros(1, own, 1), empty, None),
        {"frame_rate": FPS, "generator": torch.Generator(), "noise_scale": 1.0},
    )
    assert wanted.attention_mask is None
    assert made[3] is not None
    assert torch.allclose(made[3], wanted.positions[:, :, own:], atol=1e-6)
    assert torch.equal(made[2], wanted.clean_latent)
    assert torch.allclose(1 - made[1], wanted.denoise_mask, atol=1e-6)
