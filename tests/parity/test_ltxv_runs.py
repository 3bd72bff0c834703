"""Whole runs of LTX-Video against Lightricks' own pipeline, in float32: guided or not.

Both draw the same noise, which theirs lays out by tokens and diffusers by pictures; pictures are
encoded without the sampling that either draws from a source of its own.
"""

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import ConditionFrames, Given, Placement
from ltxserve.engine.backends.diffusers.ltxv import LtxvBackend, Work
from ltxserve.engine.backends.diffusers.text import encode_text
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import plan
from ltxserve.progress import NullObserver
from ltxserve.types import GenerationRequest
from tests.parity.reference import error, reference, weights, whole
from tests.parity.test_upscalers import theirs as their_upscaler
from tests.parity.test_upscalers import whole as whole_upscaler
from tests.replicas.build import MODEL
from tests.replicas.configs import ALL
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.tiny import disc

UPSCALER = "ltxv-upscaler-small"
DISTILLED, DEV = small_row("ltxv-2b-0.9.8-distilled"), small_row("ltxv-13b-0.9.8-dev")
IN_ONE_PASS = [small_row(f"ltxv-2b-{version}") for version in ("0.9.0", "0.9.1", "0.9.5")]
FIRST_OF_ALL = ("ltxv-0.9.0", "ltxv-0.9.1")
"""Layouts with times and a curve of their own."""
OFF = {"guidance_scale": 1, "stg_scale": 0, "rescaling_scale": 1}
AS_PUBLISHED = (
    {
        "guidance_scale": [1, 1, 6, 8, 6, 1, 1],
        "stg_scale": [0, 0, 4, 4, 4, 2, 1],
        "rescaling_scale": [1, 1, 0.5, 0.5, 1, 1, 1],
        "guidance_timesteps": [1.0, 0.996, 0.9933, 0.9850, 0.9767, 0.9008, 0.6180],
        "skip_block_list": [[], [1], [0, 1], [0], [0], [0], [0]],
        "num_inference_steps": 30,
        "skip_final_inference_steps": 3,
        "cfg_star_rescale": True,
    },
    {
        "guidance_scale": [1],
        "stg_scale": [1],
        "rescaling_scale": [1],
        "guidance_timesteps": [1.0],
        "skip_block_list": [1],
        "num_inference_steps": 30,
        "skip_initial_inference_steps": 17,
        "cfg_star_rescale": True,
    },
)
"""ltxv-13b-0.9.8-dev.yaml, with the blocks that a replica has in place of its own."""
IN_ONE = {
    "guidance_scale": 3,
    "stg_scale": 1,
    "rescaling_scale": 0.7,
    "skip_block_list": [1],
    "num_inference_steps": 6,
}
"""ltxv-2b-0.9.yaml to ltxv-2b-0.9.5.yaml, in fewer steps."""
PARTS = "ltx_video.models"
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
    with drawn_alike(THEIRS, OURS) as one:
        yield one


@contextmanager
def drawn_alike(*names: str) -> Iterator[Noise]:
    """Inside, these modules draw the same noise, and pictures are encoded to their mean."""
    modules: list[Any] = [importlib.import_module(name) for name in names]
    drawing, sampling = modules[-1].randn_tensor, DiagonalGaussianDistribution.sample
    one = Noise()
    for module in modules:
        module.randn_tensor = one
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mode()
    try:
        yield one
    finally:
        for module in modules:
            module.randn_tensor = drawing
        DiagonalGaussianDistribution.sample = sampling


def replica_of(row: ModelSpec) -> str:
    """The name of a row's replica."""
    return "ltxv-0.9.5-small" if row.layout == "ltxv-13b" else f"{row.layout}-small"


def their_pipeline(backend: LtxvBackend) -> Any:
    """Theirs for one pass, with the replica's weights and our encoded prompts."""
    kind, first = reference(f"{PARTS}.transformers.transformer3d:Transformer3DModel"), backend.spec
    name, early = replica_of(first), first.layout in FIRST_OF_ALL
    # Not in the metadata that was recorded; the class' own default is that of the first release.
    told = {**ALL[name].metadata["transformer"], "causal_temporal_positioning": not early}
    transformer = kind.from_config(told).eval()
    transformer.load_state_dict(weights(name, MODEL))
    place = f"{PARTS}.autoencoders.causal_video_autoencoder:CausalVideoAutoencoder"
    vae = reference(place).from_config(dict(ALL[name].metadata["vae"])).eval()
    vae.load_state_dict(weights(name, "vae."), strict=False)
    vae.register_buffer("std_of_means", torch.ones(128))
    vae.register_buffer("mean_of_means", torch.zeros(128))
    absent = ("image_caption_model", "image_caption_processor", "llm_model", "llm_tokenizer")
    curve = {"shifting": "SD3", "target_shift_terminal": 0.1, "base_resolution": None}
    return reference(f"{THEIRS}:LTXVideoPipeline")(
        tokenizer=backend.pipeline.tokenizer,
        text_encoder=backend.pipeline.text_encoder,
        vae=vae,
        transformer=transformer,
        scheduler=reference("ltx_video.schedulers.rf:RectifiedFlowScheduler")(
            **(curve if early else {"sampler": "LinearQuadratic"})
        ),
        patchifier=reference(f"{PARTS}.transformers.symmetric_patchifier:SymmetricPatchifier")(1),
        **{f"prompt_enhancer_{part}": None for part in absent},
    )


@dataclass(frozen=True)
class Compared:
    """A row, what it is asked for besides a small clip, and what it is shown."""

    row: ModelSpec
    asked: dict[str, Any] = field(default_factory=dict)
    conditions: Sequence[ConditionFrames] = ()


def away(case: Compared, theirs: Sequence[dict[str, Any]], noise: Noise, folder: Path) -> float:
    """Relative distance of our latents from theirs, of one pass or two. theirs: of each pass."""
    row = case.row
    write_row(folder, row)
    whole(replica_of(row)).save(folder / row.repo / row.files[0].path)
    for file in (file for file in row.files if file.role == "spatial_upscaler"):
        whole_upscaler(UPSCALER).save(folder / row.repo / file.path)
    asked = {"prompt": "a ball", "model": row.name, "width": 192, "height": 128, "num_frames": 17}
    made = plan(GenerationRequest.model_validate({**asked, **case.asked}), catalog_with(row))
    with (
        Engine(Placement("cpu", "float32", folder), catalog_with(row)) as engine,
        torch.inference_mode(),
    ):
        backend = cast(LtxvBackend, engine.backend(row.name))
        text = encode_text(cast(Any, backend.pipeline), made, made.model)
        chance = torch.Generator().manual_seed(1)
        work = Work(made, text, case.conditions, chance, Given(), backend.worn(made))
        ended = backend._denoised(work, NullObserver())
        noise.drawn = 0
        item = reference(f"{THEIRS}:ConditioningItem")
        pixels = [torch.from_numpy(c.frames).permute(3, 0, 1, 2)[None] for c in case.conditions]
        shown = [
            item(p / 127.5 - 1, c.frame, c.strength)
            for p, c in zip(pixels, case.conditions, strict=True)
        ]
        negative = text.both(text.negative) or text.prompt
        values = reference("ltx_video.utils.skip_layer_strategy:SkipLayerStrategy").AttentionValues
        told = {
            "height": 128, "width": 192, "num_frames": 17, "frame_rate": made.condition_fps,
            "prompt_embeds": text.prompt[0], "prompt_attention_mask": text.prompt[1],
            "negative_prompt": None, "negative_prompt_embeds": negative[0],
            "negative_prompt_attention_mask": negative[1], "skip_layer_strategy": values,
            "output_type": "latent", "is_video": True, "vae_per_channel_normalize": True,
            "image_cond_noise_scale": row.sampling.image_noise_scale,
            "conditioning_items": shown or None,
        }  # fmt: skip
        single = their_pipeline(backend)
        if len(theirs) == 1:
            wanted = single(**told, **theirs[0]).images
        else:
            two = reference(f"{THEIRS}:LTXMultiScalePipeline")(single, their_upscaler(UPSCALER))
            wanted = two(row.sampling.first_pass_scale, *theirs, **told).images
    return error(ended, wanted)


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
    second = DISTILLED.sampling.second_pass
    assert second is not None
    passes = [
        {"timesteps": list(curve), **OFF} for curve in (DISTILLED.sampling.sigmas, second.sigmas)
    ]
    assert away(Compared(DISTILLED, conditions=conditions), passes, noise, tmp_path) < most


@pytest.mark.parametrize(
    ("conditions", "most"),
    [
        ([], 1e-5),
        ([ConditionFrames(disc(size=(192, 128))[None], 0, 1.0)], 1e-3),
    ],
    ids=["words", "first"],
)
def test_guided_in_two_passes(
    noise: Noise, conditions: list[ConditionFrames], most: float, tmp_path: Path
) -> None:
    assert away(Compared(DEV, conditions=conditions), AS_PUBLISHED, noise, tmp_path) < most


@pytest.mark.parametrize("shown", [False, True], ids=["words", "first"])
@pytest.mark.parametrize("row", IN_ONE_PASS, ids=lambda row: row.version)
def test_guided_in_one_pass(noise: Noise, row: ModelSpec, shown: bool, tmp_path: Path) -> None:
    conditions = [ConditionFrames(disc(size=(192, 128))[None], 0, 1.0)] if shown else []
    case = Compared(row, {"num_inference_steps": 6}, conditions)
    assert away(case, [IN_ONE], noise, tmp_path) < 1e-5
