"""Noise levels, and conditions where the pipelines place them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
import torch

from ltxserve.training.tiny.model import build_transformer
from ltxserve.training.tiny.noising import (
    Noised,
    keyframe_coords,
    noised,
    random_sigmas,
    tokens_of,
)
from ltxserve.training.tiny.scene import FREE_EVERY
from tests.unit.training.tiny.batches import small_batch

ROPE = build_transformer().rope
CELLS = 4  # of a latent frame of a small batch


def tries(frames: int, moments: int | None = None) -> Iterator[Noised]:
    """The same batch as many steps see it."""
    return (
        noised(small_batch(frames), ROPE, Random(f"{attempt}"), moments) for attempt in range(200)
    )


def test_tokens_run_through_frames_then_rows_then_columns() -> None:
    latents = torch.arange(8.0).view(1, 1, 2, 2, 2)
    assert tokens_of(latents).flatten().tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_sigmas_cover_all_levels_and_favour_the_high_ones() -> None:
    sigmas = random_sigmas(4000, torch.Generator().manual_seed(1))
    assert 0 < sigmas.min() < 0.05
    assert 0.95 < sigmas.max() <= 1
    assert 0.4 < (sigmas > 0.9).float().mean() < 0.6
    assert (sigmas < 0.5).float().mean() > 0.15


def test_keyframes_lie_where_the_pipeline_puts_them() -> None:
    from diffusers import LTX2ConditionPipeline

    pipeline = LTX2ConditionPipeline.__new__(LTX2ConditionPipeline)
    pipeline.transformer_spatial_patch_size = pipeline.transformer_temporal_patch_size = 1
    pipeline.vae_temporal_compression_ratio, pipeline.vae_spatial_compression_ratio = 8, 32
    theirs = pipeline._prepare_keyframe_coords(1, 2, 3, 48, 1, 24.0, torch.device("cpu"))
    assert torch.equal(keyframe_coords(torch.tensor([48]), 2, 3), theirs)


def test_equal_chances_give_equal_noise_and_conditions() -> None:
    one, two = (noised(small_batch(2), ROPE, Random("same")) for _ in range(2))
    assert torch.equal(one.video, two.video)
    assert torch.equal(one.coords, two.coords)


def test_a_given_first_frame_is_clean_and_not_learned_from() -> None:
    clean = tokens_of(small_batch(2).video.float())
    given = [
        (seen, row) for seen in tries(2) for row in (0, 1) if (seen.level[row, :CELLS] == 0).all()
    ]
    for seen, row in given:
        assert torch.equal(seen.video[row, :CELLS], clean[row, :CELLS])
        assert (seen.weights[row, :CELLS] == 0).all()
        assert (seen.weights[row, CELLS : 2 * CELLS] > 0).all()
    assert len(given) > 20


def test_free_clips_are_never_without_a_picture() -> None:
    """Words cannot tell where their things are; staged ones mostly go by words alone."""
    free = replace(small_batch(2), seeds=torch.tensor([FREE_EVERY - 1, 0]))
    told = 0
    for attempt in range(200):
        seen = noised(free, ROPE, Random(f"{attempt}"))
        pictured = (seen.weights == 0).flatten(1).any(1) | (
            seen.level < 0.999 * seen.sigma[:, None]
        ).any(1)
        assert pictured[0]
        told += not pictured[1]
    assert told > 80


def test_keyframes_are_appended_with_their_times() -> None:
    for seen in tries(2):
        if seen.video.shape[1] == 4 * CELLS:
            assert seen.coords.shape == (2, 3, 4 * CELLS, 2)
            assert seen.coords[0, 0, 8, 0] == pytest.approx(8 / 24)
            assert seen.coords[1, 0, 12, 0] == pytest.approx(5 / 24)
            return
    pytest.fail("no step gave two keyframes")


@pytest.mark.parametrize("moments", [None, 2])
def test_a_still_always_has_something_to_learn(moments: int | None) -> None:
    assert all((seen.weights > 0).any() for seen in tries(1, moments))


def test_moments_are_whole_frames_at_their_own_times() -> None:
    """Every token shown must be one of the clip's (or of a keyframe), where the clip has it."""
    own = ROPE.prepare_video_coords(2, 5, 2, 2, torch.device("cpu"), fps=24.0)
    times = set()
    for seen in tries(5, moments=3):
        assert seen.video.shape[1] == 3 * CELLS
        for column in seen.coords[0, :, ::CELLS].transpose(0, 1):
            if (column[0, 1] - column[0, 0]) > 2 / 24:  # not a single frame
                assert any(torch.equal(column, other) for other in own[0].transpose(0, 1))
                times.add(float(column[0, 0]))
    assert len(times) == 4  # every frame has its turn; the first is a single one
