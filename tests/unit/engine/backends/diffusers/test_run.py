"""Plans on the real model: what the observer sees, what the model is given, what comes out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.load import load_backend
from ltxserve.engine.backends.diffusers.residency import Residency
from ltxserve.engine.backends.diffusers.run import DiffusersMade
from ltxserve.engine.backends.inputs import read_condition
from ltxserve.errors import Cancelled, OutOfMemory
from ltxserve.progress import NullObserver, Observer
from tests.tiny import SPEC, Diary, backend, disc, planned, saved


def run(observer: Observer | None = None, **fields: Any) -> DiffusersMade:
    plan = planned(**fields)
    conditions = [read_condition(condition, plan.generate) for condition in plan.conditions]
    return backend().run(plan, plan.seed or 0, conditions, observer or NullObserver())


def one_picture(tmp_path: Path, **fields: Any) -> list[dict[str, Any]]:
    return [{"source": saved(disc(), tmp_path / "a.png"), **fields}]


# ── the observer ────────────────────────────────────────────────────────────────────────────
def test_every_step_is_told_with_latents_to_preview(tmp_path: Path):
    diary = Diary()
    run(diary, conditions=one_picture(tmp_path, frame=-1), num_inference_steps=3, width=160)
    assert diary.stages == ["encode_prompt", "encode_conditions", "denoise"]
    assert diary.steps("encode_prompt") == [(0, 1), (1, 1)]
    assert diary.steps("encode_conditions") == [(0, 1), (1, 1)]
    assert diary.steps("denoise") == [(0, 3), (1, 3), (2, 3), (3, 3)]
    channels = backend().pipeline.transformer.config.in_channels
    shapes = [None if p.latents is None else tuple(p.latents.shape) for p in diary.told]
    # The keyframe's own tokens are no part of the picture.
    assert shapes[-3:] == [(1, channels, 2, 4, 5)] * 3
    assert shapes[:-3] == [None] * (len(shapes) - 3)


def test_the_last_preview_is_the_clip():
    diary = Diary()
    made = run(diary)
    vae = backend().pipeline.vae
    mean, std = (v.view(1, -1, 1, 1, 1) for v in (vae.latents_mean, vae.latents_std))
    assert torch.allclose(diary.told[-1].latents * std + mean, made.latents.video, atol=1e-4)


@pytest.mark.parametrize(
    "at", [("encode_prompt", 0), ("encode_conditions", 0), ("denoise", 0), ("denoise", 1)]
)
def test_a_cancelled_run_ends_there_and_the_next_one_works(tmp_path: Path, at: tuple[str, int]):
    def cancel() -> None:
        raise Cancelled

    diary = Diary(at, cancel)
    with pytest.raises(Cancelled):
        run(diary, conditions=one_picture(tmp_path))
    assert (diary.told[-1].stage, diary.told[-1].step) == at
    assert run().latents.video.isfinite().all()


# ── what the model is given ─────────────────────────────────────────────────────────────────
def test_the_scheduler_walks_the_planned_sigmas():
    plan = planned(num_inference_steps=8)
    assert plan.sigmas is not None
    run(num_inference_steps=8)
    walked = backend().pipeline.scheduler.sigmas.tolist()
    assert walked == pytest.approx([*plan.sigmas, 0.0])


def test_sigmas_of_the_caller_are_walked():
    run(num_inference_steps=None, sigmas=[1.0, 0.5])
    assert backend().pipeline.scheduler.sigmas.tolist() == [1.0, 0.5, 0.0]


def test_the_seed_decides_and_nothing_else():
    one, again, other = run(seed=3), run(seed=3), run(seed=4)
    assert torch.equal(one.latents.video, again.latents.video)
    assert not torch.equal(one.latents.video, other.latents.video)


@pytest.mark.parametrize("fps", [12.0, 24.0, 40.0])
def test_sound_lasts_as_long_as_the_clip_plays(fps: float):
    """At 40 the model is told 60, and the sound must still last 17 / 40 seconds (25 latents/s)."""
    made = run(fps=fps, num_frames=17)
    assert made.latents.audio is not None
    assert made.latents.audio.shape[2] == round(17 / fps * 25)


def test_the_rate_that_the_model_is_told_changes_its_clock():
    """Frame rates change where frames lie in time, so the same noise becomes another picture."""
    assert not torch.equal(run(fps=24).latents.video, run(fps=12).latents.video)


# ── conditions ──────────────────────────────────────────────────────────────────────────────
def encoded(picture: np.ndarray) -> torch.Tensor:
    """A picture through the VAE's encoder alone."""
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None, :, None] / 127.5 - 1
    with torch.inference_mode():
        return backend().pipeline.vae.encode(pixels).latent_dist.mode()


def test_the_first_latent_frame_is_the_picture_exactly(tmp_path: Path):
    """Whatever the transformer is worth: at strength 1 the picture's own latents come out."""
    conditions = one_picture(tmp_path)
    plan = planned(conditions=conditions)
    shown = read_condition(plan.conditions[0], plan.generate).frames[0]
    made, free = run(conditions=conditions), run()
    first = encoded(shown)[:, :, 0]
    assert torch.allclose(made.latents.video[:, :, 0], first, atol=1e-3)
    assert not torch.allclose(free.latents.video[:, :, 0], first, atol=1e-1)


def test_a_weaker_condition_holds_less(tmp_path: Path):
    picture = encoded(disc())[:, :, 0]
    away = [
        (run(conditions=one_picture(tmp_path, strength=s)).latents.video[:, :, 0] - picture).norm()
        for s in (1.0, 0.5, 0.0)
    ]
    assert away[0] < away[1]
    assert away[0] < away[2]


@pytest.mark.parametrize("frame", [5, 8])
def test_a_keyframe_changes_the_clip(tmp_path: Path, frame: int):
    assert not torch.equal(
        run(conditions=one_picture(tmp_path, frame=frame)).latents.video, run().latents.video
    )


# ── what comes out ──────────────────────────────────────────────────────────────────────────
def test_frames_and_sound_have_their_planned_size():
    made = run(num_frames=17, width=160)
    frames, sound = np.concatenate(list(made.frames())), made.sound()
    assert frames.shape == (17, 128, 160, 3)
    assert sound is not None
    assert sound.samples.dtype == np.float32
    assert sound.sample_rate == backend().pipeline.vocoder.config.output_sampling_rate
    assert 0.8 < sound.seconds / (17 / 24) <= 1.05


def test_a_silent_plan_decodes_no_sound():
    assert run(audio=False).sound() is None


def test_low_vram_decodes_smaller_windows_of_the_same_clip():
    latents = run().latents
    long = type(latents)(latents.video.repeat(1, 1, 5, 1, 1), None)
    seen: list[int] = []
    decoder: Any = backend().pipeline.vae.decoder
    told = decoder.register_forward_pre_hook(lambda part, given: seen.append(given[0].shape[2]))
    windows = {}
    for low in (True, False):
        plan = planned(low_vram=low, num_frames=73)
        made = DiffusersMade(backend().pipeline, plan, long, (), backend().residency)
        assert sum(len(piece) for piece in made.frames()) == 73
        windows[low], seen[:] = [*seen], []
    told.remove()
    assert windows == {False: [10], True: [8, 6]}


def test_sound_alone_brings_its_decoders_to_the_device():
    """Of a retake that makes the sound anew, no frame is ever decoded before it."""
    names = ("transformer", "vae", "audio_vae", "vocoder")
    parts = {name: torch.nn.Linear(1, 1) for name in names}
    residency = Residency(parts, torch.device("cpu"), total=1)
    plan = planned()
    residency.begin(plan)
    residency.enter("denoise")
    assert residency.here() == {"transformer", "vae", "audio_vae"}
    made = DiffusersMade(backend().pipeline, plan, run().latents, (), residency)
    assert made.sound() is not None
    assert residency.here() == {"vae", "audio_vae", "vocoder"}


# ── memory ──────────────────────────────────────────────────────────────────────────────────
def break_at(stage: torch.nn.Module, error: Exception) -> Callable[[], None]:
    """Let a part of the model fail as a device does; returns what mends it."""

    def fail(*args: object) -> None:
        raise error

    return stage.register_forward_pre_hook(fail).remove


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
    ],
)
@pytest.mark.parametrize("part", ["transformer", "text_encoder"])
def test_running_out_of_memory_is_said_and_survived(part: str, error: Exception):
    backend().prompts.clear()  # else the text encoder is not asked
    mend = break_at(getattr(backend().pipeline, part), error)
    try:
        with pytest.raises(OutOfMemory):
            run()
    finally:
        mend()
    assert run().latents.video.isfinite().all()


@pytest.mark.parametrize("part", ["vae", "vocoder"])
def test_running_out_of_memory_while_decoding_is_said(part: str):
    made = run()
    module = backend().pipeline.vae.decoder if part == "vae" else backend().pipeline.vocoder
    mend = break_at(module, torch.OutOfMemoryError("CUDA out of memory."))
    try:
        with pytest.raises(OutOfMemory):
            list(made.frames()) if part == "vae" else made.sound()
    finally:
        mend()


def test_peak_memory_is_that_of_the_process():
    assert backend().peak_memory() > 100 * 2**20


def test_closing_frees_the_model():
    import gc
    import weakref

    own: Any = load_backend(SPEC, Placement("cpu"))
    kept = weakref.ref(own.pipeline.transformer)
    own.close()
    gc.collect()
    assert kept() is None
