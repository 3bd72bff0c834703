"""Chunked decoding: every frame once, in order, as if decoded at once."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.engine.backends.diffusers.decode import (
    SPARING,
    TILE,
    Window,
    decode_chunks,
    window_for,
    windows,
)
from ltxserve.engine.plan.memory import whole_decode_bytes
from ltxserve.media.frames import psnr
from tests.memory import Allocations
from tests.tiny import backend, planned

SIDE = 2  # latents a side: 64 pixels


def latents(count: int, side: int = SIDE) -> torch.Tensor:
    """Noise as the denoiser would give it: of the model's own mean and spread."""
    vae = backend().pipeline.vae
    mean, std = (v.view(1, -1, 1, 1, 1) for v in (vae.latents_mean, vae.latents_std))
    chance = torch.Generator().manual_seed(0)
    return torch.randn((1, len(mean[0]), count, side, side), generator=chance) * std + mean


def decoded(values: torch.Tensor, window: Window) -> list[np.ndarray]:
    return list(decode_chunks(backend().pipeline.vae, values, window))


def at_once(values: torch.Tensor) -> np.ndarray:
    """The VAE's own decoding of everything, as pixels."""
    with torch.inference_mode():
        sample = backend().pipeline.vae.decode(values, return_dict=False)[0]
    pixels = ((sample[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(1, 2, 3, 0).numpy()


sizes = st.integers(2, 24).flatmap(
    lambda length: st.tuples(st.just(length), st.integers(1, length - 1))
)


@given(count=st.integers(1, 200), size=sizes)
def test_windows_cover_every_latent_frame_in_order(count: int, size: tuple[int, int]):
    window = Window(*size)
    places = windows(count, window)
    assert places[0][0] == 0
    assert places[-1][1] == count
    assert all(0 < end - start <= window.length for start, end in places)
    for (_, end), (start, _) in pairwise(places):
        assert end - start == window.shared


@given(count=st.integers(1, 200), size=sizes)
def test_windows_give_every_pixel_frame_once(count: int, size: tuple[int, int]):
    """What each window keeps, counted as decode_chunks does, adds up to 8n+1 frames."""
    places = windows(count, Window(*size))
    kept = [8 * (after[0] - place[0]) for place, after in pairwise(places)]
    last_start, last_end = places[-1]
    assert sum(kept) + 8 * (last_end - last_start - 1) + 1 == 8 * (count - 1) + 1


@pytest.mark.parametrize("size", [(4, 4), (4, 0), (1, 1)])
def test_a_window_must_get_on(size: tuple[int, int]):
    with pytest.raises(ValueError, match="cannot share"):
        Window(*size)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_one_window_is_decoding_at_once(count: int):
    values = latents(count)
    pieces = decoded(values, Window(5, 2))
    assert all(piece.dtype == np.uint8 and piece.flags.c_contiguous for piece in pieces)
    assert np.array_equal(np.concatenate(pieces), at_once(values))


def test_pieces_come_one_by_one_and_add_up():
    chunks = decoded(latents(12), Window(6, 4))
    assert [len(chunk) for chunk in chunks] == [8] * (2 + 2 + 2 + 5) + [1]
    assert all(chunk.shape[1:] == (64, 64, 3) for chunk in chunks)


def test_the_seam_cannot_be_seen():
    """The default window against decoding at once: 54 dB measured; 50 dB is half a grey level."""
    values = latents(20)
    assert len(windows(20, Window())) == 2
    chunks = decoded(values, Window())
    together, whole = np.concatenate(chunks), at_once(values)
    assert together.shape == whole.shape == (153, 64, 64, 3)
    worst = min(psnr(a, b) for a, b in zip(together, whole, strict=True))
    assert 48 < worst < np.inf
    # Away from the seam nothing differs by more than rounding.
    assert psnr(together[:60], whole[:60]) > 55


def test_without_sharing_the_seam_would_be_seen():
    """The proof that the measure above can fail: one shared latent frame is not enough."""
    values = latents(20)
    together, whole = np.concatenate(decoded(values, Window(16, 1))), at_once(values)
    assert min(psnr(a, b) for a, b in zip(together, whole, strict=True)) < 40


def test_frames_are_decoded_whole_where_there_is_room():
    plan = planned(width=256, height=128, num_frames=121)
    needs = whole_decode_bytes(plan.memory, plan.generate, 121, 4)
    assert window_for(plan, needs, 4) == Window()
    assert window_for(plan, needs - 1, 4) == Window(tiled=True)
    assert window_for(planned(low_vram=True), 10**15, 4) == SPARING


def test_tiles_need_less_at_once_and_look_the_same():
    """Measured: 45 dB, on noise, between tiles that overlap by 64 pixels and the whole frame."""
    values = latents(1, TILE // 32 + 4)
    with Allocations() as whole:
        (at_once,) = decoded(values, Window())
    with Allocations() as tiled:
        (pieces,) = decoded(values, Window(tiled=True))
    assert pieces.shape == at_once.shape
    assert psnr(pieces, at_once) > 40
    assert tiled.largest < 0.75 * whole.largest


def test_tiling_leaves_no_trace():
    values = latents(1, TILE // 32 + 4)
    (before,) = decoded(values, Window())
    decoded(values, Window(tiled=True))
    (after,) = decoded(values, Window())
    assert np.array_equal(before, after)
