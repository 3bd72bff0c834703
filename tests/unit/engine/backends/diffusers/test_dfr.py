"""Diffusion fidelity rendering on a replica of LTX-2.5: passes, stills, rounds, adapters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.run import DiffusersBackend
from ltxserve.engine.clip import Clip
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import plan
from ltxserve.errors import Cancelled, ModelUnavailable
from ltxserve.progress import NullObserver
from ltxserve.types import GenerationRequest
from tests.replicas.adapters import adapter, layers
from tests.replicas.build import Replica
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.tiny import Diary, disc, saved

ROW = small_row("ltx-2.5-22b-distilled")
CATALOG = catalog_with(ROW)
DETAIL = load_catalog().lora("2.5-pixel-spatial-upscaler")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Replica]:
    folder = tmp_path_factory.mktemp("weights")
    made = write_row(folder, ROW)
    adapter(layers(made)).save(folder / DETAIL.repo / DETAIL.file)
    return folder, made


@pytest.fixture(scope="module")
def engine(whole: tuple[Path, Replica]) -> Iterator[Engine]:
    with Engine(Placement("cpu", "float32", whole[0]), CATALOG) as made:
        yield made


def request(rounds: int = 0, **fields: Any) -> GenerationRequest:
    frames = 16 * 2**rounds + 1
    asked = {"prompt": "a ball", "model": ROW.name, "width": 192, "height": 128, "seed": 1}
    own = {"num_frames": frames, "fps": 24.0 * 2**rounds, "dfr": {"rounds": rounds}}
    return GenerationRequest.model_validate({**asked, "num_inference_steps": 2, **own, **fields})


def made(engine: Engine, diary: Diary | None = None, **fields: Any) -> Clip:
    return engine.generate(request(**fields), diary or Diary())


def test_both_passes_are_told_and_run_as_planned(engine: Engine):
    diary = Diary()
    clip = made(engine, diary)
    assert clip.frames.shape == (17, 128, 192, 3)
    assert clip.audio is not None
    assert clip.plan.dfr is not None
    assert (clip.plan.dfr.canvas, clip.plan.dfr.stills) == (25, (24,)), "filled up to a segment"
    assert diary.steps("denoise") == [(step, 5) for step in range(6)]
    assert diary.steps("upscale_spatial") == [(0, 1), (1, 1)]
    sizes = [p.latents.shape[2:] for p in diary.told if p.latents is not None]
    assert sizes == [(4, 2, 3)] * 2 + [(4, 4, 6)] * 3


@pytest.mark.parametrize("rounds", [1, 2])
def test_every_round_doubles_the_rate(engine: Engine, rounds: int):
    diary = Diary()
    clip = made(engine, diary, rounds=rounds)
    assert len(clip.frames) == 16 * 2**rounds + 1
    assert clip.fps == 24 * 2**rounds
    assert clip.audio is not None
    assert clip.audio.seconds == pytest.approx(len(clip.frames) / clip.fps, abs=1e-3)
    steps = diary.steps("denoise")
    assert steps[-1] == (steps[-1][1],) * 2, "as many steps as were planned"
    assert [step for step, _ in steps] == [*range(steps[-1][0] + 1)]
    assert diary.steps("upscale_temporal") == [(0, 1), (1, 1)] * rounds


def test_the_seed_decides_everything(engine: Engine):
    one, again, other = (made(engine, rounds=1, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.frames, again.frames)
    assert not np.array_equal(one.frames, other.frames)


def test_the_second_pass_wears_the_adapter_and_sees_the_first(
    engine: Engine, whole: tuple[Path, Replica]
):
    plain = made(engine, dfr={"detail": False})
    detailed = made(engine)
    assert [lora.name for lora in detailed.plan.passes[1].loras] == [DETAIL.name]
    assert detailed.plan.passes[1].loras[0].strength == 0.5
    assert not plain.plan.passes[1].loras
    assert plain.audio is not None
    assert detailed.audio is not None
    assert np.array_equal(plain.audio.samples, detailed.audio.samples), "the first pass's sound"
    assert not np.array_equal(plain.frames, detailed.frames)
    del whole


def test_pictures_hold_in_every_pass(engine: Engine, tmp_path: Path):
    picture = disc(size=(192, 128))
    shown = [{"source": saved(picture, tmp_path / "a.png"), "frame": 0}]
    backend = cast(DiffusersBackend, engine.backend(ROW.name))
    vae = backend.pipeline.vae
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None, :, None] / 127.5 - 1
    with torch.inference_mode():
        wanted = vae.encode(pixels).latent_dist.mode()
    diary = Diary()
    made(engine, diary, conditions=shown)
    assert diary.steps("encode_conditions") == [(0, 1), (1, 1)]
    ended = [p.latents for p in diary.told if p.latents is not None][-1]
    assert float((ended[:, :, 0] - wanted[:, :, 0]).norm() / wanted.norm()) < 0.3
    # A keyframe at any frame, which lies in tiles of its own later.
    last = [{"source": shown[0]["source"], "frame": -1}]
    assert made(engine, rounds=1, conditions=last).frames.shape[0] == 33


def test_a_run_is_cancelled_in_any_pass_and_leaves_nothing(engine: Engine):
    def cancel() -> None:
        raise Cancelled

    for step in (1, 4, 6):
        with pytest.raises(Cancelled):
            made(engine, Diary(("denoise", step), cancel), rounds=1)
    backend = cast(DiffusersBackend, engine.backend(ROW.name))
    assert not backend.pipeline.transformer._forward_pre_hooks
    assert type(backend.pipeline.scheduler).__name__ == "FlowMatchEulerDiscreteScheduler"
    assert len(made(engine, dfr=None).frames) == 17


def test_an_adapter_that_is_not_here_is_named_before_anything_runs(tmp_path: Path):
    write_row(tmp_path, ROW)
    diary = Diary()
    with Engine(Placement("cpu", "float32", tmp_path), CATALOG) as own:
        with pytest.raises(ModelUnavailable) as caught:
            own.generate(request(), diary)
        assert len(made(own, dfr={"detail": False}).frames) == 17
    assert DETAIL.name in caught.value.message
    assert "encode_prompt" not in diary.stages


def test_passes_give_what_diffusers_own_recipe_gives(engine: Engine):
    """The composition that diffusers documents, written out: half size, twice as large, refined."""
    from diffusers import LTX2DFRPipeline

    backend = cast(DiffusersBackend, engine.backend(ROW.name))
    planned = plan(request(dfr={"detail": False}), CATALOG)
    backend.pipeline.tells_own_times, kept = False, backend.pipeline.tells_own_times
    try:
        ended = backend.run(planned, 5, (), NullObserver()).latents
    finally:
        backend.pipeline.tells_own_times = kept
    parts = {
        name: getattr(backend.pipeline, name)
        for name in (
            "vae", "audio_vae", "text_encoder", "tokenizer", "connectors", "transformer",
            "vocoder", "scheduler",
        )
    }  # fmt: skip
    theirs = LTX2DFRPipeline(**parts)
    theirs.tokenizer_padding_side = "left"
    theirs.set_progress_bar_config(disable=True)
    text: Any = backend.read(planned, lambda progress: None)  # pyright: ignore[reportArgumentType]
    chance = torch.Generator().manual_seed(5)
    asked: dict[str, Any] = {
        "prompt_embeds": text.prompt[0], "prompt_attention_mask": text.prompt[1],
        "generator": chance, "output_type": "latent", "return_dict": False,
        "num_frames": 17, "frame_rate": 24.0,
    }  # fmt: skip
    first, second = (list(stage.sigmas or ()) for stage in planned.passes)
    with torch.inference_mode():
        video, audio, stills, _ = theirs(height=64, width=96, sigmas=first, **asked)
        larger = backend.upsamplers.modules["latent_upsampler"]
        wanted = theirs(
            height=128, width=192, sigmas=second, latents=larger(video),
            keyframes_latents=larger(stills), audio_latents=audio, **asked,
        )[0]  # fmt: skip
    assert float((ended.video - wanted[:, :, :3]).norm() / wanted.norm()) < 1e-5
    assert ended.audio is not None
    assert torch.allclose(ended.audio, audio, atol=1e-5)
