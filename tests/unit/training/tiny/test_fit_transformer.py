"""The transformer's fitting: noise levels, conditions where the pipelines place them, updates."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor

from ltxserve.training.tiny.fit_transformer import (
    Net,
    TransformerJob,
    keyframe_coords,
    random_sigmas,
    tokens_of,
)
from ltxserve.training.tiny.latents import Batch
from ltxserve.training.tiny.model import AUDIO_WIDTH, LATENT_CHANNELS


def small_batch(frames: int) -> Batch:
    """Two clips of 64x64 pixels, in latents by chance."""
    chance = torch.Generator().manual_seed(5)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=chance).half()

    return Batch(
        video=some(2, LATENT_CHANNELS, frames, 2, 2),
        audio=some(2, 3, AUDIO_WIDTH),
        keyframes=some(2, 2, LATENT_CHANNELS, 2, 2),
        keyframe_at=torch.tensor([[8, 3], [8, 5]]),
        seeds=torch.tensor([0, 1]),
    )


@pytest.fixture(scope="module")
def job() -> TransformerJob:
    return TransformerJob("test", 10, lambda number: small_batch(2))


def test_tokens_run_through_frames_then_rows_then_columns() -> None:
    latents = torch.arange(8.0).view(1, 1, 2, 2, 2)
    assert tokens_of(latents).flatten().tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_sigmas_cover_all_levels_and_favour_the_high_ones() -> None:
    sigmas = random_sigmas(4000, torch.Generator().manual_seed(1))
    assert 0 < sigmas.min() < 0.05
    assert 0.95 < sigmas.max() <= 1
    assert 0.3 < (sigmas > 0.9).float().mean() < 0.5
    assert (sigmas < 0.5).float().mean() > 0.15


def test_keyframes_lie_where_the_pipeline_puts_them(job: TransformerJob) -> None:
    from diffusers import LTX2ConditionPipeline

    pipeline = LTX2ConditionPipeline.__new__(LTX2ConditionPipeline)
    pipeline.transformer_spatial_patch_size = pipeline.transformer_temporal_patch_size = 1
    pipeline.vae_temporal_compression_ratio, pipeline.vae_spatial_compression_ratio = 8, 32
    theirs = pipeline._prepare_keyframe_coords(1, 2, 3, 48, 1, 24.0, torch.device("cpu"))
    assert torch.equal(keyframe_coords(torch.tensor([48]), 2, 3), theirs)


def test_a_step_changes_weights_and_reports_losses(job: TransformerJob) -> None:
    before = job.net.transformer.proj_in.weight.detach().clone()
    values = job.step(0, 1.0)
    assert 0 < values["video"] < 20
    assert 0 < values["audio"] < 20
    assert not torch.equal(before, job.net.transformer.proj_in.weight)


def test_equal_steps_see_equal_noise_and_conditions(job: TransformerJob) -> None:
    one, two = (
        job._noised(small_batch(2), Random("same"), torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    assert torch.equal(one.video, two.video)
    assert torch.equal(one.coords, two.coords)


def test_a_given_first_frame_is_clean_and_not_learned_from(job: TransformerJob) -> None:
    for attempt in range(200):
        noised = job._noised(
            small_batch(2), Random(f"{attempt}"), torch.Generator().manual_seed(attempt)
        )
        if noised.kept[:, :4].all() and noised.video.shape[1] == 8:
            assert torch.equal(noised.video[:, :4], tokens_of(small_batch(2).video.float())[:, :4])
            assert (noised.level[:, :4] == 0).all()
            assert (noised.kept[:, 4:] == 0).all()
            return
    pytest.fail("no step gave the first frame")


def test_keyframes_are_appended_with_their_times(job: TransformerJob) -> None:
    for attempt in range(200):
        noised = job._noised(
            small_batch(2), Random(f"{attempt}"), torch.Generator().manual_seed(attempt)
        )
        if noised.video.shape[1] == 16:
            assert noised.coords.shape == (2, 3, 16, 2)
            assert noised.coords[0, 0, 8, 0] == pytest.approx(8 / 24)
            assert noised.coords[1, 0, 12, 0] == pytest.approx(5 / 24)
            return
    pytest.fail("no step gave two keyframes")


def test_a_still_always_has_something_to_learn() -> None:
    still = TransformerJob("still", 10, lambda number: small_batch(1))
    for attempt in range(30):
        noised = still._noised(
            small_batch(1), Random(f"{attempt}"), torch.Generator().manual_seed(attempt)
        )
        assert (noised.kept == 0).any()


def test_a_state_brings_back_weights_and_average(job: TransformerJob, tmp_path: Path) -> None:
    torch.save(job.state(), tmp_path / "state.pt")
    other = TransformerJob("other", 10, lambda number: small_batch(2))
    other.restore(torch.load(tmp_path / "state.pt", weights_only=False))
    for key, value in job.net.state_dict().items():
        assert torch.equal(value, other.net.state_dict()[key])
        assert torch.equal(job.average[key], other.average[key])


def test_a_later_stage_starts_from_the_average(job: TransformerJob) -> None:
    other = TransformerJob("other", 10, lambda number: small_batch(2))
    other.start_from(job.average)
    key = "transformer.proj_in.weight"
    assert torch.equal(other.net.state_dict()[key], job.average[key])


def test_the_vision_tower_is_not_trained() -> None:
    trained = [name for name, weight in Net().named_parameters() if weight.requires_grad]
    assert any("language_model" in name for name in trained)
    assert not any("vision" in name for name in trained)
