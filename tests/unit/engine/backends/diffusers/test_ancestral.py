"""Steps with fresh noise: on the right level, foreseen, repeatable, settled, clean at the end."""

import pytest
import torch
from torch import Tensor

from ltxserve.engine.backends.diffusers.ancestral import AncestralScheduler

SIGMAS = [1.0, 0.9, 0.4]
CLEAN = torch.full((1, 4000, 4), 3.0)


def walked(seed: int = 1) -> tuple[AncestralScheduler, list[Tensor]]:
    """A walk with a model that knows the end."""
    scheduler = AncestralScheduler()
    scheduler.set_timesteps(sigmas=SIGMAS, mu=1.0)
    scheduler.noise = torch.Generator().manual_seed(seed)
    sample = torch.randn(CLEAN.shape, generator=torch.Generator().manual_seed(9))
    samples = [sample]
    for step, time in enumerate(scheduler.timesteps):
        velocity = (samples[-1] - CLEAN) / scheduler.sigmas[step]
        samples.append(scheduler.step(velocity, time, samples[-1], return_dict=False)[0])
    return scheduler, samples


def test_every_step_ends_on_the_level_that_was_asked_for():
    scheduler, samples = walked()
    for sigma, sample in zip([*SIGMAS, 0.0], samples, strict=True):
        noise = sample - (1 - sigma) * CLEAN
        assert float(noise.std()) == pytest.approx(sigma, abs=0.02)
    assert scheduler.clean is not None
    assert torch.allclose(scheduler.clean, CLEAN, atol=1e-4)


def test_the_noise_is_fresh_and_follows_from_its_seed():
    _, one = walked()
    _, again = walked()
    _, other = walked(seed=2)
    assert torch.equal(one[2], again[2])
    assert not torch.equal(one[2], other[2])
    first, second = (sample - (1 - s) * CLEAN for s, sample in zip(SIGMAS, one[:2], strict=False))
    together = torch.stack([first.flatten(), second.flatten()])
    # Of the old noise 0.81 * (1 - 0.9) / (1 - 0.81) is left; a straight step would keep all.
    assert float(torch.corrcoef(together)[0, 1]) == pytest.approx(0.81 * 0.1 / 0.19 / 0.9, abs=0.03)


def test_what_is_held_is_put_back_behind_the_noise():
    scheduler = AncestralScheduler()
    scheduler.set_timesteps(sigmas=SIGMAS, mu=1.0)
    scheduler.noise = torch.Generator().manual_seed(1)
    scheduler.settle = torch.zeros_like
    sample = torch.randn(1, 8, 4)
    made = scheduler.step(torch.ones(1, 8, 4), scheduler.timesteps[0], sample)[0]
    assert not made.any()
