"""LTX-Video through the engine, on replicas: passes, progress, conditions, repeatable."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import Given, GivenFrames, Placement
from ltxserve.engine.backends.diffusers.begun import begun_latents
from ltxserve.engine.backends.diffusers.decode import Window, decode_chunks
from ltxserve.engine.backends.diffusers.ltxv import LtxvBackend, as_shares, shifted
from ltxserve.engine.backends.diffusers.reading.parts import scheduler_of
from ltxserve.engine.clip import Clip
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import Stage, plan
from ltxserve.errors import Cancelled, GenerationFailed, RequestRefused
from ltxserve.media.decode import read_video
from ltxserve.media.encode import write_video
from ltxserve.types import GenerationRequest, Shape
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.tiny import Diary, disc, saved
from tests.unit.media.samples import moving_clip, target

DISTILLED, GUIDED = small_row("ltxv-2b-0.9.8-distilled"), small_row("ltxv-2b-0.9.5")
CHANGING = small_row("ltxv-13b-0.9.8-dev")
CATALOG = catalog_with(DISTILLED, GUIDED, CHANGING)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    root = tmp_path_factory.mktemp("weights")
    for row in (DISTILLED, GUIDED, CHANGING):
        write_row(root, row)
    with Engine(Placement("cpu", "float32", root), CATALOG) as made:
        yield made


def request(model: str = DISTILLED.name, **fields: Any) -> GenerationRequest:
    asked = {"prompt": "a ball", "model": model, "width": 96, "height": 64, "num_frames": 17}
    return GenerationRequest.model_validate({**asked, "seed": 1, **fields})


def moved(folder: Path) -> str:
    """A video of 17 frames with something that moves."""
    path, clip = folder / "source.mp4", moving_clip(17, 96, 64)
    write_video([clip], target(path, clip), None)
    return str(path)


def first_pass(diary: Diary) -> torch.Tensor:
    """The latents that the first pass ended with."""
    told = [p.latents for p in diary.told if p.stage == "denoise" and p.latents is not None]
    least = min(item.shape[3] for item in told)
    return [item for item in told if item.shape[3] == least][-1].float()


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


def test_guidance_that_changes_on_the_way_in_its_whole_course(engine: Engine):
    """13B dev as it is: 27 steps of seven kinds of guidance, twice the size, 13 steps more."""
    diary = Diary()
    changing = engine.generate(request(CHANGING.name), diary)
    assert changing.frames.shape == (17, 64, 96, 3)
    assert diary.steps("denoise") == [(step, 40) for step in range(41)]
    backend = cast(LtxvBackend, engine.backend(CHANGING.name))
    assert not backend.pipeline.transformer._forward_hooks
    steady = engine.generate(request(CHANGING.name, guidance_scale=1.0, stg_scale=0.0))
    assert not np.array_equal(changing.frames, steady.frames)


@pytest.mark.parametrize("name", ["ltxv-2b-0.9.0", "ltxv-2b-0.9.1"])
def test_the_first_models_in_their_whole_course(tmp_path: Path, name: str):
    row = small_row(name)
    write_row(tmp_path, row)
    picture = saved(disc(size=(96, 64)), tmp_path / "disc.png")
    diary, made = Diary(), []
    with Engine(Placement("cpu", "float32", tmp_path), catalog_with(row)) as own:
        clip = own.generate(request(row.name, conditions=[{"source": picture}]), diary)
        assert diary.steps("denoise") == [(step, 40) for step in range(41)]
        backend = cast(LtxvBackend, own.backend(row.name))
        assert not backend.pipeline.first_frame_alone
        timed = backend.pipeline.vae.config.timestep_conditioning
        assert timed == (row.version == "0.9.1")
        short = {"num_inference_steps": 2}
        made = [own.generate(request(row.name, seed=seed, **short)) for seed in (1, 1, 2)]
    assert clip.frames.shape == (17, 64, 96, 3)
    # ... also where the decoder draws noise.
    assert np.array_equal(made[0].frames, made[1].frames)
    assert not np.array_equal(made[0].frames, made[2].frames)


def test_frames_of_the_first_models_are_told_other_times(engine: Engine):
    pipeline = cast(LtxvBackend, engine.backend(GUIDED.name)).pipeline
    places = pipeline._prepare_video_ids(1, 3, 1, 1)
    assert pipeline._scale_video_ids(places)[0, 0].tolist() == [0, 1, 9]
    pipeline.first_frame_alone = False
    try:
        assert pipeline._scale_video_ids(places)[0, 0].tolist() == [0, 8, 16]
    finally:
        pipeline.first_frame_alone = True


def test_the_same_seed_makes_the_same_clip(engine: Engine):
    first, second, other = (engine.generate(request(seed=s)) for s in (1, 1, 2))
    assert np.array_equal(first.frames, second.frames)
    assert not np.array_equal(first.frames, other.frames)


def test_noise_at_every_step_follows_from_the_seed(engine: Engine, tmp_path: Path):
    row = small_row("ltxv-2b-0.9.6-distilled")
    write_row(tmp_path, row)
    asked = {"num_inference_steps": 2}
    with Engine(Placement("cpu", "float32", tmp_path), catalog_with(row)) as own:
        own.backend(row.name)
        before = torch.get_rng_state()
        clips = [own.generate(request(row.name, seed=seed, **asked)) for seed in (1, 1, 2)]
        assert torch.equal(before, torch.get_rng_state())
        backend = cast(LtxvBackend, own.backend(row.name))
        assert backend.pipeline.scheduler.config.stochastic_sampling
    assert np.array_equal(clips[0].frames, clips[1].frames)
    assert not np.array_equal(clips[0].frames, clips[2].frames)


def test_conditions_act_at_the_start_and_as_keyframes(engine: Engine, tmp_path: Path):
    picture = saved(disc(size=(96, 64)), tmp_path / "disc.png")
    plain = engine.generate(request())
    first = engine.generate(request(conditions=[{"source": picture}]))
    later = engine.generate(request(conditions=[{"source": picture, "frame": 8}]))
    assert first.frames.shape == later.frames.shape == plain.frames.shape
    away = [np.abs(plain.frames.astype(int) - clip.frames).mean() for clip in (first, later)]
    assert min(away) > 0.5


def test_a_model_without_a_curve_of_its_own_makes_the_steps_of_the_plan(engine: Engine):
    diary = Diary()
    engine.generate(request(GUIDED.name, num_inference_steps=3), diary)
    assert diary.steps("denoise") == [(step, 3) for step in range(4)]


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


@pytest.mark.parametrize("row", [DISTILLED, GUIDED], ids=["two passes", "one pass"])
def test_a_video_is_made_over(engine: Engine, tmp_path: Path, row: ModelSpec):
    # Guidance would act on the pictures as much as the strength does.
    off = {"guidance_scale": 1.0, "stg_scale": 0.0} if row is GUIDED else {}
    asked = {"model": row.name, "num_frames": None, "num_inference_steps": 4, **off}
    source = moved(tmp_path)
    latents = []
    for strength in (0.05, 1.0):
        way = {"source": source, "strength": strength}
        diary = Diary()
        engine.generate(request(video_to_video=way, **asked), diary)
        latents.append(first_pass(diary))
        if strength < 1:  # the last pass, too, begins where the first did
            last = cast(LtxvBackend, engine.backend(row.name)).pipeline.scheduler.sigmas
            assert last.tolist()[1:] == pytest.approx([strength, 0.0])  # diffusers leaves out one
    own = engine.backend(row.name)
    assert isinstance(own, LtxvBackend)
    pixels = GivenFrames(read_video(source).frames, 0, (False,) * 3)
    size = latents[0].shape[4] * 32, latents[0].shape[3] * 32
    with torch.inference_mode():
        encoded = begun_latents(own.pipeline.vae, Given(pixels), size)
    assert encoded is not None
    away = [float((made - encoded).abs().mean()) for made in latents]
    assert away[0] < 0.25 * away[1]


@pytest.mark.parametrize("direction", ["end", "start"])
@pytest.mark.parametrize("row", [DISTILLED, GUIDED], ids=["two passes", "one pass"])
def test_a_video_is_gone_on_from(engine: Engine, tmp_path: Path, row: ModelSpec, direction: str):
    source = moved(tmp_path)
    way = {"source": source, "num_frames": 8, "direction": direction}
    clip = engine.generate(request(row.name, num_frames=None, extend=way))
    own = read_video(source).frames
    assert len(clip.frames) == len(own) + 8
    kept = clip.frames[: len(own) - 4] if direction == "end" else clip.frames[12:]
    assert np.array_equal(kept, own[:-4] if direction == "end" else own[4:])


def test_a_retake_is_refused(engine: Engine):
    with pytest.raises(RequestRefused) as caught:
        plan(request(retake={"source": "x.mp4", "start": 0, "end": 1}, num_frames=None), CATALOG)
    assert "retake_unsupported" in caught.value.codes
    pictures = GivenFrames(np.zeros((17, 64, 96, 3), np.uint8), 0, (True, False, True))
    backend = cast(LtxvBackend, engine.backend(DISTILLED.name))
    with pytest.raises(GenerationFailed):
        backend.run(plan(request(), CATALOG), 1, (), Diary(), Given(pictures))


def test_the_decoder_is_told_its_timestep(engine: Engine):
    backend = cast(LtxvBackend, engine.backend(DISTILLED.name))
    latents = torch.randn(1, 128, 2, 2, 3)
    with torch.inference_mode():
        clips = [
            np.concatenate(list(decode_chunks(backend.pipeline.vae, latents, Window(), t)))
            for t in (0.0, 0.05)
        ]
    assert clips[0].shape == (9, 64, 96, 3)
    assert not np.array_equal(clips[0], clips[1])


def test_pictures_are_given_in_shares_of_white():
    pictures = as_shares(np.full((9, 32, 48, 3), 255, np.uint8))
    assert pictures.shape == (1, 9, 32, 48, 3)
    assert pictures.max() == 1.0


def test_early_models_shift_their_sigmas_by_size():
    scheduler = scheduler_of(small_row("ltxv-2b-0.9.1"))
    small, large = (
        shifted(scheduler, Stage("denoise", 8, Shape(side, side, 121, 25.0))) for side in (256, 768)
    )
    assert small[0] == large[0] == 1.0
    assert small == sorted(small, reverse=True)
    assert small[-1] == pytest.approx(0.1)
    assert all(a < b for a, b in zip(small[1:-1], large[1:-1], strict=True))
