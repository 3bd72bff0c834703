"""Diffusion fidelity rendering's two passes against Lightricks' own states and loop, in float32.

As ltx-pipelines 1.2.0 composes them (dfr_pipeline.py): stills as slots, both upsampled, the second
pass led by the first. Rounds are not compared: 1.2.0 makes them without sound in view.
"""

import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from ltxserve.engine.backends.base import ConditionFrames, Placement
from ltxserve.engine.backends.diffusers.passes import shown_at
from ltxserve.engine.backends.diffusers.run import DiffusersBackend
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import plan
from ltxserve.progress import NullObserver
from ltxserve.types import GenerationRequest
from tests.parity.reference import reference, theirs
from tests.parity.test_parts import VIDEO
from tests.parity.test_runs import (
    EXACT,
    ROWS,
    SEED,
    TRANSFORMER,
    UPSCALERS,
    Theirs,
    away,
    denormalised,
    picture,
    theirs_of,
    written,
)
from tests.parity.test_upscalers import theirs as their_upscaler
from tests.replicas.folders import catalog_with, small_row

NAME = "ltx-2.5-22b-distilled"


class Plain(Theirs):
    """Their stages without fresh noise in the steps of the first, as DFR runs them."""

    def sampler(self, first: bool) -> tuple[Any, Any]:
        del first
        loop = reference("ltx_pipelines.utils.samplers:euler_denoising_loop")
        return loop, reference("ltx_core.components.diffusion_steps:EulerDiffusionStep")()


def both_passes(side: Plain, made: Any, shown: list[ConditionFrames]) -> tuple[Any, Any]:
    """Normalised latents: of the picture after the second pass, of the sound after the first."""
    slots = reference("ltx_core.conditioning:VideoGeneratedKeyframeSlots")
    places = list(made.dfr.stills)
    first, second = made.passes
    small, heard = side.ended(
        first, shown_at(shown, first.shape), more=[slots(pixel_frame_indices=places)]
    )
    own = ("vae.encoder.", "vae.per_channel_statistics.")
    statistics = theirs(side.replica, f"{VIDEO}:VideoEncoderConfigurator", *own)
    upsampler = their_upscaler(UPSCALERS[side.replica])
    up = reference("ltx_core.model.upsampler.model:upsample_video")
    larger, stills = (
        up(latents, statistics, upsampler) for latents in (small.latent, small.generated_keyframes)
    )
    more = [slots(pixel_frame_indices=places, initial_keyframes=stills)]
    if made.dfr.detail:
        seen = reference("ltx_core.conditioning:VideoConditionByReferenceLatent")
        more.append(seen(latent=small.latent, downscale_factor=2, strength=1.0))
    ended, _ = side.ended(second, shown_at(shown, second.shape), (larger, heard.latent), more=more)
    return ended.latent, heard.latent


@pytest.mark.parametrize(
    ("shown", "detail"),
    [([], False), ([picture(0, 1.0)], True), ([picture(9, 0.7)], False)],
    ids=["words", "first, shown the first pass", "keyframe"],
)
def test_two_passes_led_by_stills(tmp_path: Path, shown: list[ConditionFrames], detail: bool):
    """detail: as far as the reference goes; adapters are compared elsewhere."""
    reference(TRANSFORMER)
    row = small_row(NAME)
    written(tmp_path, row, ROWS[NAME])
    asked = {"prompt": "a ball", "model": NAME, "width": 192, "height": 128, "num_frames": 17}
    request = GenerationRequest.model_validate({**asked, "dfr": {"detail": False}})
    made = plan(request, catalog_with(row))
    assert made.dfr is not None
    made = dataclasses.replace(made, dfr=dataclasses.replace(made.dfr, detail=detail))
    with (
        Engine(Placement("cpu", "float32", tmp_path), catalog_with(row)) as engine,
        torch.inference_mode(),
    ):
        backend = cast(DiffusersBackend, engine.backend(NAME))
        ended = backend.run(made, SEED, shown, NullObserver()).latents
        side = theirs_of(backend, made)
        plain = Plain(side.replica, backend, side.simple, side.denoiser, side.noiser)
        wanted = denormalised(backend, both_passes(plain, made, shown))
    assert ended.video.shape[2] == 3
    assert away(ended.video, wanted.video[:, :, :3]) < EXACT
    assert away(ended.audio, wanted.audio) < EXACT
