"""Whole runs of LTX-Video in two passes against Lightricks' own pipeline, in float32.

Both draw the same noise, which theirs lays out by tokens and diffusers by pictures; pictures are
encoded without the sampling that either draws from a source of its own.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor

from ltxserve.engine.backends.base import ConditionFrames, Placement
from ltxserve.engine.backends.diffusers.ltxv import LtxvBackend, Work
from ltxserve.engine.backends.diffusers.text import encode_text
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import plan
from ltxserve.progress import NullObserver
from ltxserve.types import GenerationRequest
from tests.parity.reference import reference, weights, whole
from tests.parity.test_upscalers import theirs as their_upscaler
from tests.parity.test_upscalers import whole as whole_upscaler
from tests.replicas.build import MODEL
from tests.replicas.configs import ALL
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.tiny import disc

REPLICA, UPSCALER = "ltxv-0.9.5-small", "ltxv-upscaler-small"
ROW = small_row("ltxv-2b-0.9.8-distilled")
THEIRS = "ltx_video.pipelines.pipeline_ltx_video"
OURS = "diffusers.pipelines.ltx.pipeline_ltx_condition"


class Noise:
    """Noise by the number of the draw, in either layout."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self, shape: tuple[int, ...], **_: Any) -> Tensor:
        self.drawn += 1
        chance = torch.Generator().manual_seed(self.drawn)
        if len(shape) == 3:
            return torch.randn(*shape, generator=chance)
        batch, channels, *grid = shape
        tokens = torch.randn(batch, grid[0] * grid[1] * grid[2], channels, generator=chance)
        return tokens.unflatten(1, tuple(grid)).permute(0, 4, 1, 2, 3).contiguous()


@pytest.fixture
def noise() -> Iterator[Noise]:
    """Inside, both sides draw from it, and pictures are encoded to their mean."""
    reference(f"{THEIRS}:LTXVideoPipeline")
    modules: list[Any] = [importlib.import_module(name) for name in (THEIRS, OURS)]
    drawing, sampling = modules[1].randn_tensor, DiagonalGaussianDistribution.sample
    one = Noise()
    for module in modules:
        module.randn_tensor = one
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mode()
    yield one
    for module in modules:
        module.randn_tensor = drawing
    DiagonalGaussianDistribution.sample = sampling


def their_pipeline(backend: LtxvBackend) -> Any:
    """Their two passes, with the replica's weights and our encoded prompts."""
    kind = reference("ltx_video.models.transformers.transformer3d:Transformer3DModel")
    # Since 0.9.5; the class' own default is that of the first release.
    told = {**ALL[REPLICA].metadata["transformer"], "causal_temporal_positioning": True}
    transformer = kind.from_config(told).eval()
    transformer.load_state_dict(weights(REPLICA, MODEL))
    name = "ltx_video.models.autoencoders.causal_video_autoencoder:CausalVideoAutoencoder"
    vae = reference(name).from_config(dict(ALL[REPLICA].metadata["vae"])).eval()
    vae.load_state_dict(weights(REPLICA, "vae."), strict=False)
    vae.register_buffer("std_of_means", torch.ones(128))
    vae.register_buffer("mean_of_means", torch.zeros(128))
    absent = ("image_caption_model", "image_caption_processor", "llm_model", "llm_tokenizer")
    single = reference(f"{THEIRS}:LTXVideoPipeline")(
        tokenizer=backend.pipeline.tokenizer,
        text_encoder=backend.pipeline.text_encoder,
        vae=vae,
        transformer=transformer,
        scheduler=reference("ltx_video.schedulers.rf:RectifiedFlowScheduler")(),
        patchifier=reference(
            "ltx_video.models.transformers.symmetric_patchifier:SymmetricPatchifier"
        )(1),
        **{f"prompt_enhancer_{part}": None for part in absent},
    )
    return reference(f"{THEIRS}:LTXMultiScalePipeline")(single, their_upscaler(UPSCALER))


@pytest.mark.parametrize(
    ("conditions", "most"),
    [
        ([], 1e-5),
        # Smaller pictures are made by another filter, and rounded.
        ([ConditionFrames(disc(size=(192, 128))[None], 0, 1.0)], 1e-3),
        ([ConditionFrames(disc(size=(192, 128))[None], 8, 0.6)], 1e-3),
    ],
    ids=["words", "first", "keyframe"],
)
def test_two_passes(
    noise: Noise, conditions: list[ConditionFrames], most: float, tmp_path: Path
) -> None:
    write_row(tmp_path, ROW)
    whole(REPLICA).save(tmp_path / ROW.repo / ROW.files[0].path)
    file = next(file for file in ROW.files if file.role == "spatial_upscaler")
    whole_upscaler(UPSCALER).save(tmp_path / ROW.repo / file.path)
    asked = {"prompt": "a ball", "model": ROW.name, "width": 192, "height": 128, "num_frames": 17}
    made = plan(GenerationRequest.model_validate(asked), catalog_with(ROW))
    with (
        Engine(Placement("cpu", "float32", tmp_path), catalog_with(ROW)) as engine,
        torch.inference_mode(),
    ):
        backend = cast(LtxvBackend, engine.backend(ROW.name))
        text = encode_text(cast(Any, backend.pipeline), made, made.model)
        work = Work(made, text, conditions, torch.Generator().manual_seed(1))
        ended = backend._denoised(work, NullObserver())
        noise.drawn = 0
        item = reference(f"{THEIRS}:ConditioningItem")
        pixels = [torch.from_numpy(c.frames).permute(3, 0, 1, 2)[None] for c in conditions]
        shown = [
            item(p / 127.5 - 1, c.frame, c.strength)
            for p, c in zip(pixels, conditions, strict=True)
        ]
        off = {"guidance_scale": 1, "stg_scale": 0, "rescaling_scale": 1}
        passes = [{"timesteps": list(each.sigmas or ()), **off} for each in made.passes]
        wanted = their_pipeline(backend)(
            ROW.sampling.first_pass_scale, *passes, height=128, width=192, num_frames=17,
            frame_rate=made.condition_fps, prompt_embeds=text.prompt[0],
            prompt_attention_mask=text.prompt[1], negative_prompt=None,
            negative_prompt_embeds=text.prompt[0], negative_prompt_attention_mask=text.prompt[1],
            output_type="latent", is_video=True, vae_per_channel_normalize=True,
            image_cond_noise_scale=ROW.sampling.image_noise_scale,
            conditioning_items=shown or None,
        ).images  # fmt: skip
    assert float((ended - wanted).norm() / wanted.norm()) < most
