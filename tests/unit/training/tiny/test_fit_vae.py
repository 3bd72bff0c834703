"""Fitting the video VAE: what a step sees, that it learns, and that it goes on from a state."""

from __future__ import annotations

import copy
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.fit_vae import (
    ANYWHERE,
    PHASES,
    THING,
    DecoderJob,
    Phase,
    VaeJob,
    corner,
    phase_at,
    weighed_clip,
    weighed_error,
    window,
)
from ltxserve.training.tiny.scene import random_scene


@pytest.fixture(scope="module")
def job() -> VaeJob:
    return VaeJob(steps=10)


def test_stills_come_first_then_short_clips_with_stills_between() -> None:
    frames = [phase_at(number, 100).frames for number in range(100)]
    assert frames[:20] == [1] * 20
    assert frames[20:60] == [1, 9, 9, 9, 9] * 8
    assert frames[60:] == [1, 17, 17, 17, 17] * 8


def test_steps_past_the_end_are_of_the_last_kind() -> None:
    assert phase_at(101, 100) is PHASES[-1]
    assert phase_at(10**6 + 1, 100) is PHASES[-1]


def test_every_phase_fits_the_vae() -> None:
    for phase in PHASES:
        assert phase.frames % 8 == 1
        assert phase.crop % 32 == 0
        assert phase.crop <= phase.side
    assert [phase.until for phase in PHASES] == sorted(phase.until for phase in PHASES)


@pytest.mark.parametrize("frames", [1, 9, 17, 49])
def test_windows_lie_within_the_clip(frames: int) -> None:
    starts = set()
    for seed in range(500):
        found = window(Random(seed), frames)
        assert found.stop - found.start == frames
        assert found.start >= 0
        assert found.stop <= 49
        starts.add(found.start)
    assert starts == set(range(50 - frames))


def test_most_crops_hold_a_thing() -> None:
    canvas, held = Canvas(256, 256, 49), 0
    for seed in range(300):
        scene = random_scene(4 * seed)
        left, top = corner(scene, canvas, Random(seed), 24, 128)
        assert 0 <= left <= 128
        assert 0 <= top <= 128
        here = [(128 * (1 + thing.x), 128 * (1 + thing.y)) for thing in scene.things]
        held += any(left < x < left + 128 and top < y < top + 128 for x, y in here)
    assert held > (1 - ANYWHERE) * 300


@pytest.mark.parametrize("phase", [PHASES[0], PHASES[-1]])
def test_things_and_their_surroundings_weigh_more(phase: Phase) -> None:
    light, heavy = [], []
    for seed in range(8):
        clip, weights = weighed_clip(seed, phase, "cpu")
        assert clip.shape == (3, phase.frames, phase.crop, phase.crop)
        assert weights.shape == (1, phase.frames, phase.crop, phase.crop)
        assert set(weights.unique().tolist()) <= {1.0, THING}
        light.append(clip[:, weights[0] == 1].std())
        heavy.append(clip[:, weights[0] > 1].std() if (weights > 1).any() else torch.tensor(0.0))
    # A thing, its dark rim and some backdrop differ more than backdrop does from itself.
    assert torch.stack(heavy).median() > 1.3 * torch.stack(light).median()


def test_an_error_on_a_thing_counts_by_its_weight() -> None:
    weights = torch.ones(1, 1, 1, 8, 8)
    weights[..., :4] = THING
    on, off = torch.zeros(1, 3, 1, 8, 8), torch.zeros(1, 3, 1, 8, 8)
    on[..., 1], off[..., 6] = 1.0, 1.0
    ratio = weighed_error(on, weights) / weighed_error(off, weights)
    assert ratio == pytest.approx(THING)
    assert weighed_error(on, weights * 3) == pytest.approx(weighed_error(on, weights).item())


def test_a_step_moves_the_weights_and_logs_numbers(job: VaeJob) -> None:
    before = {key: value.clone() for key, value in job.model.state_dict().items()}
    values = job.step(0, 1.0)
    assert set(values) == {"psnr", "spread"}
    assert np.isfinite(list(values.values())).all()
    after = job.model.state_dict()
    assert all(torch.isfinite(value).all() for value in after.values())
    moved = [key for key in after if not torch.equal(before[key], after[key])]
    assert len(moved) > 0.9 * len(list(job.model.parameters()))


def test_steps_make_it_better(job: VaeJob) -> None:
    first = job.step(0, 1.0)["psnr"]
    job.step(0, 1.0)
    assert job.step(0, 1.0)["psnr"] > first


def test_a_state_goes_on_where_it_was_taken(job: VaeJob) -> None:
    state = copy.deepcopy(job.state())
    other = VaeJob(steps=10)
    other.restore(state)
    assert job.step(1, 0.5) == other.step(1, 0.5)
    for key, value in job.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[key]), key


def test_jobs_begin_with_equal_weights() -> None:
    one, two = VaeJob(steps=10).model.state_dict(), VaeJob(steps=99).model.state_dict()
    assert all(torch.equal(value, two[key]) for key, value in one.items())


def test_samples_show_originals_beside_reconstructions(job: VaeJob, tmp_path: Path) -> None:
    job.sample(tmp_path, 7)
    sheet = np.array(Image.open(tmp_path / "samples" / "vae-000007.png"))
    assert sheet.shape == (4 * 256, 6 * 256, 3)
    assert sheet[:, :768].std() > 10


def test_the_decoder_goes_on_alone_and_latents_stay(job: VaeJob) -> None:
    alone = DecoderJob(steps=10)
    alone.start_from(job.model.state_dict())
    before = {key: value.clone() for key, value in alone.model.state_dict().items()}
    assert np.isfinite(alone.step(1, 1.0)["psnr"])
    changed = {
        key for key, value in alone.model.state_dict().items() if not value.equal(before[key])
    }
    assert changed
    assert all(key.startswith("decoder.") for key in changed)
    assert {alone.phase(number).frames for number in range(10)} == {1, PHASES[-1].frames}
