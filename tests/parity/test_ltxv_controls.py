"""Control videos of LTX-Video against Lightricks' trainer, whose pipeline alone takes them.

The trainer is not on the package index: its folder `src` is one of LTX_REFERENCE's. It needs
torchvision.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from ltxserve.engine.backends.base import ConditionFrames, ControlFrames, Given, Placement
from ltxserve.engine.backends.diffusers.ltxv import LtxvBackend, Work
from ltxserve.engine.backends.diffusers.text import encode_text
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import plan
from ltxserve.progress import NullObserver
from ltxserve.types import GenerationRequest
from tests.parity.reference import error, reference
from tests.parity.test_ltxv_runs import OURS, Noise, drawn_alike
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.tiny import disc
from tests.unit.media.samples import moving_clip

ROW = small_row("ltxv-2b-0.9.5")
TRAINER = "ltxv_trainer.ltxv_pipeline"


@pytest.fixture
def noise() -> Iterator[Noise]:
    """Inside, both sides draw from it, and pictures are encoded to their mean."""
    try:
        reference(f"{TRAINER}:LTXConditionPipeline")
    except ImportError:
        pytest.skip("LTX_REFERENCE names no folder of Lightricks' trainer")
    with drawn_alike(TRAINER, OURS) as one:
        yield one


@pytest.mark.parametrize("shown", [False, True], ids=["words", "first"])
def test_a_clip_follows_as_with_the_trainer(noise: Noise, shown: bool, tmp_path: Path) -> None:
    write_row(tmp_path, ROW)
    asked = {"prompt": "a ball", "model": ROW.name, "width": 192, "height": 128, "num_frames": 17}
    terms = {"num_inference_steps": 6, "guidance_scale": 1.0, "stg_scale": 0.0}
    made = plan(GenerationRequest.model_validate({**asked, **terms}), catalog_with(ROW))
    frames, picture = moving_clip(17, 192, 128), disc(size=(192, 128))
    conditions = [ConditionFrames(picture[None], 0, 1.0)] if shown else []
    with (
        Engine(Placement("cpu", "float32", tmp_path), catalog_with(ROW)) as engine,
        torch.inference_mode(),
    ):
        backend = cast(LtxvBackend, engine.backend(ROW.name))
        pipeline = cast(Any, backend.pipeline)
        text = encode_text(pipeline, made, made.model)
        given = Given(controls=(ControlFrames(frames, 1.0, 1),))
        chance = torch.Generator().manual_seed(1)
        work = Work(made, text, conditions, chance, given, backend.worn(made))
        ended = backend._denoised(work, NullObserver())
        noise.drawn = 0
        parts = {
            name: getattr(pipeline, name)
            for name in ("scheduler", "vae", "text_encoder", "tokenizer", "transformer")
        }
        theirs = reference(f"{TRAINER}:LTXConditionPipeline")(**parts)
        image = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
        wanted = theirs(
            **({"image": image, "frame_index": 0, "strength": 1.0} if shown else {}),
            reference_video=torch.from_numpy(frames).permute(0, 3, 1, 2) / 255,
            prompt_embeds=text.prompt[0],
            prompt_attention_mask=text.prompt[1],
            height=128,
            width=192,
            num_frames=17,
            frame_rate=made.condition_fps,
            num_inference_steps=6,
            guidance_scale=1.0,
            image_cond_noise_scale=ROW.sampling.image_noise_scale,
            output_type="latent",
            return_dict=False,
        )[0]
    assert error(ended, wanted) < 1e-5
