"""Decoding with too little memory: the clip is finished in pieces, and the next one is as ever."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from ltxserve.engine.backends.diffusers.decode import SPARING, Window
from ltxserve.engine.backends.diffusers.decoding import Decoding
from ltxserve.engine.clip import Clip
from ltxserve.engine.sparing import DECODED_AGAIN
from ltxserve.errors import OutOfMemory
from ltxserve.media.frames import psnr
from tests.memory import Allocations
from tests.tiny import backend, engine, planned, request

LENGTH = 121  # frames, 16 latent ones: one window, or three small ones


def made(limit: int | None = None) -> tuple[Clip, Allocations]:
    asked = request(num_frames=LENGTH, width=128, height=128, num_inference_steps=1, audio=False)
    with Allocations(limit) as seen:
        return engine().generate(asked), seen


def alive() -> int:
    """Bytes of all tensors there are."""
    gc.collect()
    found = (o for o in gc.get_objects() if type(o) in (torch.Tensor, torch.nn.Parameter))
    return sum({t.untyped_storage().data_ptr(): t.nbytes for t in found}.values())


def test_a_clip_is_finished_in_pieces_where_memory_runs_out():
    plain, whole = made()
    before = alive()
    clip, short = made(limit=whole.largest - 1)
    assert short.refused == 1
    assert DECODED_AGAIN in clip.report.warnings
    assert clip.frames.shape == plain.frames.shape
    assert psnr(clip.frames, plain.frames) > 40  # seams of small windows, nothing else
    assert alive() - before < 2**20

    again, after = made()
    assert np.array_equal(again.frames, plain.frames)
    assert after.largest == whole.largest
    assert not again.report.warnings


def test_where_no_piece_is_small_enough_the_run_ends_and_the_next_is_as_ever():
    plain, _ = made()
    with pytest.raises(OutOfMemory):
        made(limit=1000)
    again, _ = made()
    assert np.array_equal(again.frames, plain.frames)


def test_the_window_is_as_large_as_there_is_room_for():
    plan = planned(num_frames=LENGTH)
    vae = backend().pipeline.vae
    residency = backend().residency
    decoding = Decoding(plan, vae, residency)
    assert decoding._window() == Window()
    decoding.spare()
    assert decoding._window() == SPARING
    assert Decoding(planned(low_vram=True), vae, residency)._window() == SPARING
