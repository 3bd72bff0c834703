"""The recipe: its table, resuming by minutes, and a whole training in miniature."""

from __future__ import annotations

from pathlib import Path

from ltxserve.training.tiny import recipe as recipes
from ltxserve.training.tiny.loop import Run
from ltxserve.training.tiny.recipe import jobs_of, recipe_for, train_tiny


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


def test_the_pool_gives_equal_batches_for_equal_numbers() -> None:
    assert recipes.CLIP.num_frames % 8 == 1
    assert recipes.STILL.num_frames == 1
