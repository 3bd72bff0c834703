"""The transformer's fitting: updates, states, stages that follow each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from ltxserve.training.tiny.fit_transformer import TransformerJob
from ltxserve.training.tiny.noising import noised
from tests.unit.training.tiny.batches import small_batch


@pytest.fixture(scope="module")
def job() -> TransformerJob:
    return TransformerJob("test", 10, lambda number: small_batch(2))


def test_a_step_changes_weights_and_reports_losses(job: TransformerJob) -> None:
    before = job.net.transformer.proj_in.weight.detach().clone()
    values = job.step(0, 1.0)
    assert 0 < values["video"] < 20
    assert 0 < values["audio"] < 20
    assert not torch.equal(before, job.net.transformer.proj_in.weight)


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


def test_a_stage_of_moments_sees_fewer_tokens_and_learns() -> None:
    job = TransformerJob("moments", 10, lambda number: small_batch(4), moments=2)
    values = job.step(0, 1.0)
    assert 0 < values["video"] < 20


def test_guided_targets_move_away_from_the_wordless_prediction() -> None:
    """Told 1, wordless w, target t: at guidance 2 the target is t + (1 - w) / 2, where worded."""
    guided = TransformerJob("guided", 10, lambda number: small_batch(2), guidance=2.0)
    seen = replace(
        noised(small_batch(2), guided.net.transformer.rope, Random("one")),
        sigma=torch.tensor([0.9, 0.9]),
    )
    with torch.no_grad():
        wordless = guided._predict(seen, ["", ""], small_batch(2))[0]
    told = (torch.ones_like(seen.video_target), torch.ones_like(seen.audio_target))
    moved = guided._guided(seen, told, ["a ball", ""], small_batch(2)).video_target
    expected = seen.video_target[0] + (1 - wordless[0]) / 2
    assert torch.allclose(moved[0], expected, atol=0.05)
    assert torch.equal(moved[1], seen.video_target[1])


def test_little_noise_is_left_unguided() -> None:
    guided = TransformerJob("guided", 10, lambda number: small_batch(2), guidance=2.0)
    seen = replace(
        noised(small_batch(2), guided.net.transformer.rope, Random("one")),
        sigma=torch.tensor([0.3, 0.3]),
    )
    told = (torch.ones_like(seen.video_target), torch.ones_like(seen.audio_target))
    moved = guided._guided(seen, told, ["a ball", "a ball"], small_batch(2))
    assert torch.equal(moved.video_target, seen.video_target)
