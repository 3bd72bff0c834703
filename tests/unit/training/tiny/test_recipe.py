"""The recipe: its table, resuming by minutes, and a whole training in miniature."""

from __future__ import annotations

from pathlib import Path

import torch

from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.latents import SHARD, Batch, Encoders
from ltxserve.training.tiny.loop import Run
from ltxserve.training.tiny.model import build_audio_vae, build_vae
from ltxserve.training.tiny.recipe import (
    cached_clips,
    fresh,
    jobs_of,
    recipe_for,
    stills_between,
    train_tiny,
)
from ltxserve.training.tiny.scene import is_free, is_plain, random_scene


def test_both_kinds_of_device_have_a_recipe_and_gpus_get_more() -> None:
    cpu, cuda = recipe_for("cpu"), recipe_for("cuda:0")
    assert all(jobs_of(cuda)[name] > jobs_of(cpu)[name] for name in jobs_of(cpu))


def test_values_can_be_changed() -> None:
    assert recipe_for("cpu", vae_steps=3).vae_steps == 3


def test_no_minutes_trains_nothing_but_leaves_a_checkpoint(tmp_path: Path) -> None:
    run = Run(tmp_path, minutes=0)
    assert not train_tiny(run, recipe_for("cpu"), "cpu", tmp_path / "model")
    assert (tmp_path / "vae.pt").exists()
    assert not (tmp_path / "model").exists()


def test_the_pool_grows_and_gives_equal_batches_for_equal_numbers(tmp_path: Path) -> None:
    recipe = recipe_for("cpu", clips=5 * SHARD, first_shards=1)
    for number in range(5):
        torch.save(tiny_batch(number).__dict__, folder_of(tmp_path) / f"shard-{number:05d}.pt")
    encoders = Encoders(build_vae(), build_audio_vae(), "cpu")  # never asked: all shards are there
    first, again = (cached_clips(Run(tmp_path), recipe, encoders, 4) for _ in range(2))
    early = [int(seed) for number in range(20) for seed in first(number).seeds]
    assert early == [int(seed) for number in range(20) for seed in again(number).seeds]
    assert max(early) < 2 * SHARD
    late = [int(seed) for number in range(STEPS, STEPS + 40) for seed in first(number).seeds]
    assert max(late) >= 4 * SHARD


def test_stills_are_new_ones_of_plain_scenes_mostly() -> None:
    encoders = Encoders(build_vae(), build_audio_vae(), "cpu")
    source = fresh(encoders, Canvas(32, 32, 1), 16)
    seeds = [int(seed) for number in range(3) for seed in source(number).seeds]
    assert len(set(seeds)) == 48
    assert not any(is_free(seed) for seed in seeds)
    plain = sum(is_plain(random_scene(seed)) for seed in seeds)
    assert 0.8 * len(seeds) < plain <= len(seeds)


def test_stills_come_between_clips() -> None:
    source = stills_between(tiny_batch, lambda number: tiny_batch(-number))
    firsts = [int(source(number).seeds[0]) // SHARD for number in range(7)]
    assert firsts == [0, 1, 2, -3, 4, 5, -6]


STEPS = 10_000


def folder_of(run: Path) -> Path:
    (run / "latents").mkdir(exist_ok=True)
    return run / "latents"


def tiny_batch(number: int) -> Batch:
    seeds = torch.arange(number * SHARD, (number + 1) * SHARD)
    filler = torch.zeros(SHARD, 1)
    return Batch(filler, filler, filler, filler, seeds)
