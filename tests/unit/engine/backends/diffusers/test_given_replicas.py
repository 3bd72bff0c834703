"""Given pictures and sound on replicas of the vendor's models: held, in their own sound encoder."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from ltxserve.engine.backends.base import Given, GivenFrames, GivenSound, Placement
from ltxserve.engine.backends.diffusers.given import encode_given, sound_grid
from ltxserve.engine.backends.diffusers.mel import Grid
from ltxserve.engine.backends.diffusers.run import DiffusersBackend
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import plan
from ltxserve.progress import NullObserver
from ltxserve.types import GenerationRequest
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.unit.engine.ways.given import tone
from tests.unit.media.samples import moving_clip

LEFT = (True, False, True)
ASKED = {"prompt": "a ball", "width": 96, "height": 64, "num_frames": 17, "num_inference_steps": 2}


@pytest.mark.parametrize("name", ["ltx-2-19b-dev", "ltx-2.3-22b-distilled"])
def test_what_is_held_stays(tmp_path: Path, name: str):
    row = small_row(name)
    write_row(tmp_path, row)
    catalog = catalog_with(row)
    made = plan(GenerationRequest.model_validate({**ASKED, "model": name}), catalog)
    pictures = GivenFrames(moving_clip(17, 96, 64), 0, LEFT)
    given = Given(pictures, GivenSound(tone(17), ((0.0, 0.3),)))
    with Engine(Placement("cpu", "float32", tmp_path), catalog) as engine:
        backend = cast(DiffusersBackend, engine.backend(name))
        pipeline: Any = backend.pipeline
        assert sound_grid(pipeline) == Grid(16000, 160, 64)
        ended = backend.run(made, 1, (), NullObserver(), given).latents
        with torch.inference_mode():
            latents = encode_given(pipeline, made, given, row.mel)
            assert latents.video is not None
            assert latents.audio is not None
            video = pipeline._pack_latents(
                pipeline._normalize_latents(
                    ended.video, pipeline.vae.latents_mean, pipeline.vae.latents_std
                )
            )
            assert ended.audio is not None
            vae = pipeline.audio_vae
            audio = pipeline._normalize_audio_latents(
                pipeline._pack_audio_latents(ended.audio), vae.latents_mean, vae.latents_std
            )
    for ends, held in ((video, latents.video), (audio, latents.audio)):
        away = (ends - held.tokens).abs().amax(dim=2)[0].cpu().numpy()
        kept = held.mask.squeeze().cpu().numpy() > 0
        assert np.allclose(away[kept], 0, atol=1e-3)
        assert away[~kept].mean() > 0.05
