"""Control videos as tokens: what diffusers' in-context pipeline makes of the same, to the bit."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTX2ConditionPipeline, LTX2InContextPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.pipeline_ltx2_ic_lora import LTX2ReferenceCondition

from ltxserve.engine.backends.base import ControlFrames, Frames, Placement
from ltxserve.engine.backends.diffusers.adapters.file import Adapter
from ltxserve.engine.backends.diffusers.adapters.worn import Use
from ltxserve.engine.backends.diffusers.given import GivenLatents
from ltxserve.engine.backends.diffusers.load import load_backend
from ltxserve.engine.backends.diffusers.references import (
    encode_references,
    told_downscale,
    with_references,
)
from ltxserve.engine.backends.diffusers.run import DiffusersBackend
from ltxserve.errors import ModelUnavailable
from tests.replicas.folders import small_row, write_row

SIDES = 128, 64
COUNT = 17


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> DiffusersBackend:
    root, row = tmp_path_factory.mktemp("weights"), small_row("ltx-2-19b-distilled")
    write_row(root, row)
    made: Any = load_backend(row, Placement("cpu", "float32", root))
    return made


def pictures(count: int, seed: int, width: int = SIDES[0], height: int = SIDES[1]) -> Frames:
    random = np.random.default_rng(seed)
    return random.integers(0, 255, (count, height, width, 3), np.uint8)


def asked(backend: DiffusersBackend) -> dict[str, Any]:
    """Arguments that both pipelines know."""
    generator = torch.Generator().manual_seed(3)
    with torch.inference_mode():
        embeddings, mask, *_ = backend.pipeline.encode_prompt(
            prompt="a ball", do_classifier_free_guidance=False, max_sequence_length=128
        )
    return {
        "prompt_embeds": embeddings, "prompt_attention_mask": mask, "width": SIDES[0],
        "height": SIDES[1], "num_frames": COUNT, "frame_rate": 24.0, "num_inference_steps": 2,
        "sigmas": [1.0, 0.6], "generator": generator, "guidance_scale": 1.0, "stg_scale": 0.0,
        "modality_scale": 1.0, "audio_guidance_scale": 1.0, "audio_stg_scale": 0.0,
        "audio_modality_scale": 1.0, "output_type": "latent", "return_dict": False,
    }  # fmt: skip


@contextmanager
def one_time_for_all(pipeline: Any) -> Iterator[None]:
    """Inside, tokens that are held are told and cleaned as diffusers does (see times.py)."""
    pipeline.tells_own_times = False
    as_diffusers = LTX2ConditionPipeline.convert_velocity_to_x0
    pipeline.convert_velocity_to_x0 = as_diffusers.__get__(pipeline)
    try:
        yield
    finally:
        pipeline.tells_own_times = True
        del pipeline.convert_velocity_to_x0


@pytest.mark.parametrize(
    ("downscale", "strengths", "with_picture", "count"),
    [(1, (1.0,), False, COUNT), (2, (0.6,), False, 9), (2, (1.0, 0.7), True, COUNT)],
)
def test_the_clip_is_the_one_of_the_in_context_pipeline(
    backend: DiffusersBackend,
    downscale: int,
    strengths: tuple[float, ...],
    with_picture: bool,
    count: int,
):
    width, height = SIDES[0] // downscale, SIDES[1] // downscale
    small = [pictures(count, seed, width, height) for seed in range(len(strengths))]
    shown = None
    if with_picture:
        shown = [LTX2VideoCondition(frames=pictures(1, 9), index=2, strength=0.9, crf=0)]
    known = inspect.signature(LTX2InContextPipeline.__init__).parameters
    parts = {name: part for name, part in backend.pipeline.components.items() if name in known}
    theirs: Any = LTX2InContextPipeline(**parts)
    theirs.tokenizer_padding_side = "left"
    theirs.set_progress_bar_config(disable=True)
    references = [
        LTX2ReferenceCondition(torch.from_numpy(f).permute(0, 3, 1, 2) / 255, s)
        for f, s in zip(small, strengths, strict=True)
    ]
    with torch.inference_mode():
        expected = theirs(
            **asked(backend),
            conditions=shown,
            reference_conditions=references,
            reference_downscale_factor=downscale,
        )
        # Given at their own size; scaled pictures would differ by the filter.
        led = tuple(
            reference
            for frames, strength in zip(small, strengths, strict=True)
            for reference in encode_references(
                backend.pipeline, [ControlFrames(frames, strength, 1)], None
            )
        )
        led = tuple(type(r)(r.tokens, r.grid, r.strength, downscale) for r in led)
        with one_time_for_all(backend.pipeline):
            with backend.pipeline.giving(GivenLatents(references=led)):
                made = backend.pipeline(**asked(backend), conditions=shown)
            plain = backend.pipeline(**asked(backend), conditions=shown)
    for ours, other, without in zip(made, expected, plain, strict=True):
        assert ours.shape == other.shape == without.shape
        assert torch.allclose(ours, other, atol=1e-5)
        assert not torch.allclose(ours, without, atol=1e-2)


def test_references_are_made_smaller_and_lie_over_the_whole_clip(backend: DiffusersBackend):
    (whole,) = encode_references(backend.pipeline, [ControlFrames(pictures(9, 1), 1.0, 1)], None)
    (half,) = encode_references(backend.pipeline, [ControlFrames(pictures(9, 1), 0.5, 2)], None)
    assert (whole.grid, half.grid) == ((2, 2, 4), (2, 1, 2))
    (told,) = encode_references(backend.pipeline, [ControlFrames(pictures(9, 1), 1.0, 1)], 2)
    assert told.grid == half.grid
    assert torch.equal(told.tokens, half.tokens)
    own = torch.zeros(1, 16, 32)
    made = (own, torch.zeros(1, 16, 1), own, None)
    more = {"frame_rate": 24.0, "generator": torch.Generator(), "noise_scale": 1.0}
    latents, mask, clean, places = with_references(backend.pipeline, [half], made, more)
    assert latents.shape == clean.shape == (1, 20, 32)
    assert mask[0, :, 0].tolist() == [0.0] * 16 + [0.5] * 4
    assert places is not None
    assert places.shape == (1, 3, 4, 2)
    assert places[:, 1:].amax((0, 2, 3)).tolist() == [64, 128]


def use(**told: str) -> Use:
    return Use(Adapter({}, 0, told), 1.0)


def test_files_say_how_small_references_were():
    assert told_downscale([]) is None
    assert told_downscale([use()]) is None
    assert told_downscale([use(), use(reference_downscale_factor="2")]) == 2
    one, two = use(reference_downscale_factor="1"), use(reference_downscale_factor="2")
    for uses in ([one, two], [use(reference_temporal_scale_factor="4")]):
        with pytest.raises(ModelUnavailable) as caught:
            told_downscale(uses)
        assert (caught.value.code, caught.value.field) == ("lora_unsupported", "controls")


def test_sizes_that_cannot_be_divided_so_are_refused(backend: DiffusersBackend):
    with pytest.raises(ModelUnavailable) as caught:
        encode_references(backend.pipeline, [ControlFrames(pictures(9, 1), 1.0, 1)], 4)
    assert "128x64" in caught.value.message
    assert "multiples of 128" in caught.value.hint
