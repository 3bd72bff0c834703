"""Clips as latents: shapes, spread, shards that are written once."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch

from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.latents import (
    SHARD,
    Batch,
    Encoders,
    caption_of,
    encode_clips,
    joined,
    packed_audio,
    read_shard,
    write_shard,
)
from ltxserve.training.tiny.model import (
    AUDIO_WIDTH,
    LATENT_CHANNELS,
    build_audio_vae,
    build_vae,
)

SMALL = Canvas(64, 64, 9)


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    torch.manual_seed(0)
    return Encoders(build_vae().eval(), build_audio_vae().eval(), "cpu")


def test_clips_become_latents_of_the_models_shapes(encoders: Encoders) -> None:
    batch = encode_clips(encoders, [0, 1, 2], SMALL)
    assert batch.video.shape == (3, LATENT_CHANNELS, 2, 2, 2)
    assert batch.audio.shape == (3, 10, AUDIO_WIDTH)
    assert batch.keyframes.shape == (3, 2, LATENT_CHANNELS, 2, 2)
    assert batch.keyframe_at[:, 0].tolist() == [8, 8, 8]
    assert ((batch.keyframe_at[:, 1] >= 1) & (batch.keyframe_at[:, 1] <= 8)).all()


def test_stills_have_one_frame_and_one_sound_token(encoders: Encoders) -> None:
    batch = encode_clips(encoders, [0, 1], Canvas(64, 64, 1))
    assert batch.video.shape == (2, LATENT_CHANNELS, 1, 2, 2)
    assert batch.audio.shape[1] == 1
    assert torch.equal(batch.keyframes[:, 0], batch.video[:, :, 0])


def test_the_first_latent_frame_is_that_of_the_first_picture(encoders: Encoders) -> None:
    """The encoder is causal: what comes later cannot change the first frame."""
    clip = encode_clips(encoders, [3], SMALL)
    first = encode_clips(encoders, [3], Canvas(64, 64, 9)).video[:, :, 0]
    assert torch.equal(clip.video[:, :, 0], first)


def test_equal_seeds_give_equal_latents_in_any_company(encoders: Encoders) -> None:
    alone = encode_clips(encoders, [7], SMALL)
    together = encode_clips(encoders, [6, 7], SMALL).pick(torch.tensor([1]))
    assert torch.allclose(alone.video.float(), together.video.float(), atol=0.02)
    assert together.seeds.tolist() == [7]


def test_sound_is_packed_by_time() -> None:
    latents = torch.arange(24.0).view(1, 2, 3, 4)
    assert packed_audio(latents)[0, 1].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]


def test_batches_join_and_split() -> None:
    parts = [
        Batch(*(torch.full((2, 1), float(i)) for _ in range(4)), seeds=torch.tensor([i, i + 10]))
        for i in range(3)
    ]
    whole = joined(parts)
    assert whole.seeds.tolist() == [0, 10, 1, 11, 2, 12]
    assert whole.pick(torch.tensor([3])).seeds.tolist() == [11]


def test_a_shard_is_written_once_and_whole(encoders: Encoders, tmp_path: Path) -> None:
    canvas = Canvas(32, 32, 1)
    path = write_shard(encoders, tmp_path, 1, canvas)
    written = path.stat().st_mtime_ns
    assert write_shard(encoders, tmp_path, 1, canvas) == path
    assert path.stat().st_mtime_ns == written
    assert [p.name for p in tmp_path.iterdir()] == ["shard-00001.pt"]
    assert read_shard(path).seeds.tolist() == list(range(SHARD, 2 * SHARD))


def test_captions_vary_with_the_chance_not_with_the_call() -> None:
    assert caption_of(5, Random(1)) == caption_of(5, Random(1))
    assert len({caption_of(5, Random(i)) for i in range(20)}) > 10
