"""LTX-Video through the engine, on replicas: passes, progress, conditions, repeatable."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from ltxserve.engine.backends.base import Given, GivenFrames, Placement
from ltxserve.engine.backends.diffusers.ltxv import LtxvBackend, TimedVae, shifted, sized
from ltxserve.engine.backends.diffusers.reading.parts import scheduler_of
from ltxserve.engine.clip import Clip
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import Stage, plan
from ltxserve.errors import Cancelled, GenerationFailed, RequestRefused
from ltxserve.types import GenerationRequest, Shape
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.tiny import Diary, disc, saved

DISTILLED, GUIDED = small_row("ltxv-2b-0.9.8-distilled"), small_row("ltxv-2b-0.9.5")
CATALOG = catalog_with(DISTILLED, GUIDED)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    root = tmp_path_factory.mktemp("weights")
    for row in (DISTILLED, GUIDED):
        write_row(root, row)
    with Engine(Placement("cpu", "float32", root), CATALOG) as made:
        yield made


def request(model: str = DISTILLED.name, **fields: Any) -> GenerationRequest:
    asked = {"prompt": "a ball", "model": model, "width": 96, "height": 64, "num_frames": 17}
    return GenerationRequest.model_validate({**asked, "seed": 1, **fields})


def guided(engine: Engine, **fields: Any) -> Clip:
    return engine.generate(request(GUIDED.name, num_inference_steps=2, **fields))


def test_two_passes_are_one_course_of_steps(engine: Engine):
    diary = Diary()
    clip = engine.generate(request(), diary)
    assert clip.frames.shape == (17, 64, 96, 3)
    assert clip.audio is None
    assert diary.steps("denoise") == [(step, 10) for step in range(11)]
    latents = [p.latents for p in diary.told if p.stage == "denoise" and p.latents is not None]
    assert latents[0].shape[3] * 2 == latents[-1].shape[3]
    backend = cast(LtxvBackend, engine.backend(DISTILLED.name))
    assert backend.preview(latents[-1]).ndim == 3


def test_the_same_seed_makes_the_same_clip(engine: Engine):
    first, second, other = (engine.generate(request(seed=s)) for s in (1, 1, 2))
    assert np.array_equal(first.frames, second.frames)
    assert not np.array_equal(first.frames, other.frames)


def test_conditions_act_at_the_start_and_as_keyframes(engine: Engine, tmp_path: Path):
    picture = saved(disc(size=(96, 64)), tmp_path / "disc.png")
    plain = engine.generate(request())
    first = engine.generate(request(conditions=[{"source": picture}]))
    later = engine.generate(request(conditions=[{"source": picture, "frame": 8}]))
    assert first.frames.shape == later.frames.shape == plain.frames.shape
    away = [np.abs(plain.frames.astype(int) - clip.frames).mean() for clip in (first, later)]
    assert min(away) > 0.5


def test_guidance_terms_act(engine: Engine):
    plain = guided(engine, guidance_scale=1.0, stg_scale=0.0)
    text = guided(engine, guidance_scale=5.0, stg_scale=0.0, negative_prompt="blur")
    skipped = guided(engine, guidance_scale=1.0, stg_scale=2.0, stg_blocks=[1])
    assert not np.array_equal(plain.frames, text.frames)
    assert not np.array_equal(plain.frames, skipped.frames)


def test_a_cancelled_run_leaves_no_hook(engine: Engine):
    def stop() -> None:
        raise Cancelled()

    with pytest.raises(Cancelled):
        engine.generate(
            request(GUIDED.name, num_inference_steps=3), Diary(at=("denoise", 1), act=stop)
        )
    backend = cast(LtxvBackend, engine.backend(GUIDED.name))
    assert not backend.pipeline.transformer._forward_hooks


def test_what_it_is_not_given_yet_is_refused(engine: Engine):
    with pytest.raises(RequestRefused) as caught:
        plan(request(video_to_video={"source": "x.mp4"}), CATALOG)
    assert "not_yet_in_this_build" in caught.value.codes
    pictures = GivenFrames(np.zeros((17, 64, 96, 3), np.uint8), 0, (True, True, True))
    backend = cast(LtxvBackend, engine.backend(DISTILLED.name))
    with pytest.raises(GenerationFailed):
        backend.run(plan(request(), CATALOG), 1, (), Diary(), Given(pictures))


def test_the_decoder_is_told_its_timestep(engine: Engine):
    backend = cast(LtxvBackend, engine.backend(DISTILLED.name))
    latents = torch.randn(1, 128, 2, 2, 3)
    with torch.inference_mode():
        clips = [TimedVae(backend.pipeline.vae, t).decode(latents)[0] for t in (0.0, 0.05)]
    assert clips[0].shape == (1, 3, 9, 64, 96)
    assert not torch.equal(clips[0], clips[1])


def test_pictures_are_made_of_a_pass_size():
    assert sized(np.full((9, 64, 96, 3), 255, np.uint8), 48, 32).shape == (1, 9, 32, 48, 3)
    assert sized(np.full((1, 32, 32, 3), 255, np.uint8), 32, 32).max() == 1.0


def test_early_models_shift_their_sigmas_by_size():
    scheduler = scheduler_of(small_row("ltxv-2b-0.9.1"))
    small, large = (
        shifted(scheduler, Stage("denoise", 8, Shape(side, side, 121, 25.0))) for side in (256, 768)
    )
    assert small[0] == large[0] == 1.0
    assert small == sorted(small, reverse=True)
    assert small[-1] == pytest.approx(0.1)
    assert all(a < b for a, b in zip(small[1:-1], large[1:-1], strict=True))
