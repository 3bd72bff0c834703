"""Latent upsamplers of replicas in whole runs: sizes, rates, sound, stages, what is missing."""

import dataclasses
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplePipeline

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.base import Given, GivenSound, Placement
from ltxserve.engine.backends.diffusers.given import encode_given
from ltxserve.engine.backends.diffusers.run import DiffusersBackend
from ltxserve.engine.backends.diffusers.upsampling import Finish, Upsamplers
from ltxserve.engine.clip import Clip
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import plan
from ltxserve.errors import Cancelled, ModelUnavailable
from ltxserve.progress import NullObserver
from ltxserve.types import GenerationRequest
from tests.replicas.adapters import adapter, layers
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.tiny import Diary, disc, saved
from tests.unit.engine.ways.given import tone

SPATIAL, BOTH = {"spatial": True}, {"spatial": True, "temporal": True}


DISTILLED, NEWER = small_row("ltx-2-19b-distilled"), small_row("ltx-2.3-22b-distilled-1.1")
VIDEO = small_row("ltxv-13b-0.9.8-distilled")
ROWS = (DISTILLED, NEWER, VIDEO)
CATALOG = catalog_with(*ROWS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    for each in ROWS:
        write_row(folder, each)
    return folder


@pytest.fixture(scope="module")
def engine(root: Path) -> Iterator[Engine]:
    with Engine(Placement("cpu", "float32", root), CATALOG) as made:
        yield made


def request(model: str = DISTILLED.name, **fields: Any) -> GenerationRequest:
    asked = {"prompt": "a ball", "model": model, "width": 192, "height": 128, "num_frames": 17}
    steps = {"num_inference_steps": 2, "seed": 1, "upscale": SPATIAL}
    return GenerationRequest.model_validate({**asked, **steps, **fields})


def made(engine: Engine, diary: Diary | None = None, **fields: Any) -> Clip:
    return engine.generate(request(**fields), diary or Diary())


@pytest.mark.parametrize("model", [DISTILLED.name, NEWER.name])
def test_two_stages_are_told_and_run_as_planned(engine: Engine, model: str):
    diary = Diary()
    clip = made(engine, diary, model=model)
    assert clip.frames.shape == (17, 128, 192, 3)
    assert clip.audio is not None
    assert diary.stages[-4:] == ["denoise", "upscale_spatial", "decode_video", "decode_audio"]
    assert diary.steps("denoise") == [(step, 5) for step in range(6)]
    assert diary.steps("upscale_spatial") == [(0, 1), (1, 1)]
    told = [(p.stage, p.step) for p in diary.told]
    place = told.index(("upscale_spatial", 0))
    assert (told[place - 1], told[place + 2]) == (("denoise", 2), ("denoise", 3))
    sizes = [p.latents.shape[2:] for p in diary.told if p.latents is not None]
    assert sizes == [(3, 2, 3)] * 2 + [(3, 4, 6)] * 3
    preview = engine.backend(model).preview(diary.told[place + 2].latents)
    assert preview.shape[:2] == (4 * preview.shape[1] // 6, preview.shape[1])


def test_the_rate_is_doubled_and_the_sound_keeps_its_length(engine: Engine):
    diary = Diary()
    clip = made(engine, diary, upscale=BOTH, num_frames=33, fps=48.0)
    assert clip.frames.shape == (33, 128, 192, 3)
    assert clip.fps == 48
    assert diary.steps("upscale_temporal") == [(0, 1), (1, 1)]
    sizes = [p.latents.shape[2:] for p in diary.told if p.latents is not None]
    assert sizes == [(3, 2, 3)] * 2 + [(3, 4, 6)] * 3
    assert clip.audio is not None
    assert clip.audio.seconds == pytest.approx(33 / 48, abs=1e-4)
    alone = made(engine, upscale={"temporal": True}, num_frames=33, fps=48.0)
    assert alone.frames.shape == (33, 128, 192, 3)


def test_ltx_videos_rate_is_doubled_too(engine: Engine):
    diary = Diary()
    asked = {"upscale": BOTH, "num_frames": 33, "fps": 50.0, "num_inference_steps": None}
    clip = made(engine, diary, model=VIDEO.name, **asked)
    assert clip.frames.shape == (33, 128, 192, 3)
    assert diary.stages[-4:] == ["denoise", "upscale_spatial", "upscale_temporal", "decode_video"]
    assert any("changes nothing" in warning for warning in clip.warnings)


def test_the_second_pass_refines_what_the_first_made(engine: Engine):
    """From little noise, the clip stays near the upsampled one; from much, it goes its own way."""
    away = {}
    for start in (0.05, 0.95):
        second = DISTILLED.sampling.second_pass
        assert second is not None
        own = dataclasses.replace(second, sigmas=(start, start / 2))
        sampling = dataclasses.replace(DISTILLED.sampling, second_pass=own)
        changed = dataclasses.replace(DISTILLED, sampling=sampling)
        backend = cast(DiffusersBackend, engine.backend(DISTILLED.name))
        diary = Diary()
        ended = backend.run(plan(request(), catalog_with(changed)), 1, (), diary).latents
        half = [p.latents for p in diary.told if p.latents is not None][1]
        vae = backend.pipeline.vae
        mean, std = (v.view(1, -1, 1, 1, 1) for v in (vae.latents_mean, vae.latents_std))
        with torch.inference_mode():
            up = backend.upsamplers.modules["latent_upsampler"](half * std + mean)
        away[start] = float((ended.video - up).norm() / up.norm())
    assert away[0.05] < 0.25
    assert away[0.95] > 4 * away[0.05]


def test_conditions_hold_in_both_passes(engine: Engine, tmp_path: Path):
    picture = disc(size=(192, 128))
    diary = Diary()
    conditions = [{"source": saved(picture, tmp_path / "a.png")}]
    made(engine, diary, conditions=conditions)
    backend = cast(DiffusersBackend, engine.backend(DISTILLED.name))
    vae = backend.pipeline.vae
    ended = [p.latents for p in diary.told if p.latents is not None][-1]
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None, :, None] / 127.5 - 1
    with torch.inference_mode():
        mean = vae.encode(pixels).latent_dist.mode()
    wanted = (mean - vae.latents_mean.view(1, -1, 1, 1, 1)) / vae.latents_std.view(1, -1, 1, 1, 1)
    # The picture was compressed on its way in; the other frames are noise's.
    assert float((ended[:, :, 0] - wanted[:, :, 0]).norm() / wanted.norm()) < 0.3
    assert diary.steps("encode_conditions") == [(0, 1), (1, 1)]


def test_a_given_sound_is_held_in_both_passes(engine: Engine):
    planned = plan(request(sound={"source": "a.wav"}), CATALOG)
    given = Given(None, GivenSound(tone(17), ((0.0, inf),)))
    backend = cast(DiffusersBackend, engine.backend(DISTILLED.name))
    ended = backend.run(planned, 1, (), NullObserver(), given).latents
    with torch.inference_mode():
        held = encode_given(backend.pipeline, planned, given, DISTILLED.mel).audio
    assert ended.audio is not None
    assert held is not None
    vae: Any = backend.pipeline.audio_vae
    tokens = ended.audio.transpose(1, 2).flatten(2, 3)
    assert torch.allclose((tokens - vae.latents_mean) / vae.latents_std, held.tokens, atol=1e-3)


def test_the_seed_decides_both_passes(engine: Engine):
    one, again, other = (made(engine, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.frames, again.frames)
    assert not np.array_equal(one.frames, other.frames)


@pytest.mark.parametrize("at", [("upscale_spatial", 0), ("upscale_spatial", 1), ("denoise", 4)])
def test_a_run_is_cancelled_in_any_stage_and_leaves_nothing(engine: Engine, at: tuple[str, int]):
    def cancel() -> None:
        raise Cancelled

    backend = cast(DiffusersBackend, engine.backend(DISTILLED.name))
    scheduler = backend.pipeline.scheduler
    with pytest.raises(Cancelled):
        made(engine, Diary(at, cancel))
    assert backend.pipeline.scheduler is scheduler
    assert backend.pipeline.before is None
    assert not backend.pipeline.transformer._forward_pre_hooks


def test_low_vram_makes_the_same_clip(engine: Engine):
    one, other = made(engine), made(engine, low_vram=True)
    assert np.array_equal(one.frames, other.frames)


@pytest.mark.parametrize("keep", [True, False])
def test_the_sound_of_the_pass_that_the_row_names_is_kept(engine: Engine, keep: bool):
    second = DISTILLED.sampling.second_pass
    assert second is not None
    own = dataclasses.replace(second, keep_sound=keep)
    changed = dataclasses.replace(
        DISTILLED, sampling=dataclasses.replace(DISTILLED.sampling, second_pass=own)
    )
    backend = cast(DiffusersBackend, engine.backend(DISTILLED.name))
    backend.spec, kept = changed, backend.spec
    try:
        ended = backend.run(plan(request(), CATALOG), 1, (), NullObserver()).latents
    finally:
        backend.spec = kept
    half = request(width=96, height=64, upscale={})
    first = backend.run(plan(half, CATALOG), 1, (), NullObserver()).latents
    assert ended.audio is not None
    assert first.audio is not None
    assert torch.equal(ended.audio, first.audio) is keep


def test_a_guided_model_refines_with_its_distilled_adapter(tmp_path: Path):
    dev = small_row("ltx-2.3-22b-dev-fp8")
    whole = write_row(tmp_path, dev)
    assert dev.sampling.second_pass is not None
    own = load_catalog().lora(dev.sampling.second_pass.adapter)
    asked = request(dev.name, guidance_scale=1.0, stg_scale=0.0, modality_scale=1.0)
    planned = plan(asked, catalog_with(dev))
    assert [lora.name for lora in planned.passes[1].loras] == [own.name]
    clips: list[Clip] = []
    diaries: list[Diary] = []
    with Engine(Placement("cpu", "float32", tmp_path), catalog_with(dev)) as engine:
        with pytest.raises(ModelUnavailable) as caught:
            engine.generate(asked)
        assert own.name in caught.value.message
        for seed in (0, 1, 0):
            change = adapter(layers(whole), seed=seed)
            change.save(tmp_path / own.repo / own.file)
            diaries.append(Diary())
            clips.append(engine.generate(asked, diaries[-1]))
    assert np.array_equal(clips[0].frames, clips[2].frames)
    assert not np.array_equal(clips[0].frames, clips[1].frames)
    steps = [[p.latents for p in diary.told if p.latents is not None] for diary in diaries]
    assert torch.equal(steps[0][1], steps[1][1]), "the first pass wears none"
    assert not torch.equal(steps[0][2], steps[1][2])
    sounds = [clip.audio for clip in clips[:2]]
    assert sounds[0] is not None
    assert sounds[1] is not None
    assert np.array_equal(sounds[0].samples, sounds[1].samples), "the first pass's sound is kept"


def test_a_missing_upscaler_is_named_before_anything_runs(root: Path, tmp_path: Path):
    write_row(tmp_path, DISTILLED)
    for file in DISTILLED.files[1:]:
        (tmp_path / DISTILLED.repo / file.path).unlink()
    diary = Diary()
    with Engine(Placement("cpu", "float32", tmp_path), CATALOG) as own:
        assert len(made(own, upscale={}, width=64, height=64).frames) == 17
        with pytest.raises(ModelUnavailable) as caught:
            own.generate(request(), diary)
    assert caught.value.code == "weights_missing"
    assert caught.value.field == "upscale.spatial"
    assert f"models pull {DISTILLED.name}" in caught.value.hint
    assert "encode_prompt" not in diary.stages


def test_upsampled_latents_can_get_their_statistics_back(engine: Engine):
    backend = cast(DiffusersBackend, engine.backend(DISTILLED.name))
    latents = torch.randn(1, 32, 2, 2, 3, generator=torch.Generator().manual_seed(0)) * 3 + 1

    def doubled(finish: Finish) -> torch.Tensor:
        run = backend.upsamplers.run
        return run("upscale_spatial", backend.pipeline.vae, latents, NullObserver(), finish)

    with torch.inference_mode():
        plain, back = doubled(Finish()), doubled(Finish(adain=1.0))
    assert plain.shape == back.shape == (1, 32, 2, 4, 6)
    spread = latents.std(dim=(2, 3, 4))
    assert torch.allclose(back.std(dim=(2, 3, 4)), spread, rtol=1e-3)
    assert not torch.allclose(plain.std(dim=(2, 3, 4)), spread, rtol=1e-1)


def test_what_upsamples_is_no_part_of_the_pipeline():
    one, other = torch.nn.Identity(), torch.nn.Identity()
    parts: dict[str, Any] = {"vae": other, "latent_upsampler": one}
    own = Upsamplers.taken("x", LTX2LatentUpsamplePipeline, parts)
    assert (parts, own.modules) == ({"vae": other}, {"latent_upsampler": one})
