"""Passes: where each is among all steps, what it tells, and what it is shown."""

import dataclasses

import numpy as np
import torch

from ltxserve.engine.backends.base import ConditionFrames
from ltxserve.engine.backends.diffusers.passes import courses, shown_at
from ltxserve.engine.plan import Stage
from ltxserve.types import Shape
from tests.tiny import Diary, planned

SMALL, LARGE = Shape(96, 64, 17, 24.0), Shape(192, 128, 17, 24.0)


def two_passes() -> tuple[Stage, ...]:
    up = Stage("upscale_spatial", 1, LARGE)
    return Stage("denoise", 8, SMALL), up, Stage("denoise", 3, LARGE, (0.9, 0.7, 0.4))


def test_passes_are_one_course_of_steps():
    plan = dataclasses.replace(planned(), stages=two_passes())
    first, second = courses(plan)
    assert [(c.number, c.done, c.total) for c in (first, second)] == [(0, 0, 11), (1, 8, 11)]
    assert (first.grid, second.grid, second.tokens) == ((3, 2, 3), (3, 4, 6), 72)
    assert [c.stage.steps for c in courses(planned(num_inference_steps=4))] == [4]


def test_a_step_is_told_with_the_clip_as_a_block():
    diary = Diary()
    first, second = courses(dataclasses.replace(planned(), stages=two_passes()))
    tokens = torch.arange(18.0).view(1, 18, 1).expand(1, 18, 2)
    first.tell(diary, 0)
    first.tell(diary, 3, tokens)
    second.tell(diary, 1)
    assert diary.steps("denoise") == [(0, 11), (3, 11), (9, 11)]
    latents = diary.told[1].latents
    assert latents.shape == (1, 2, 3, 2, 3)
    assert latents[0, 0, 1, 1].tolist() == [9, 10, 11]  # row by row, picture by picture


def test_conditions_are_as_large_as_the_pass():
    picture = np.zeros((1, 128, 192, 3), np.uint8)
    picture[:, :, 96:] = 200
    shown = ConditionFrames(picture, 8, 0.5)
    (same,), (half,) = shown_at([shown], LARGE), shown_at([shown], SMALL)
    assert same is shown
    assert half.frames.shape == (1, 64, 96, 3)
    assert half.frames[0, :, :40].max() < 5
    assert half.frames[0, :, 56:].min() > 195
    assert (half.frame, half.strength) == (8, 0.5)
