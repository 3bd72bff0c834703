"""Fitting the upsamplers: pairs of one scene, a pool that is kept, steps that help, the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel

from ltxserve.training.tiny.assemble import HASHES, Fitted
from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.fit_upsamplers import (
    Kind,
    Pool,
    Supply,
    UpsamplerJob,
    clips_of,
    make_pairs,
    train_upsamplers,
)
from ltxserve.training.tiny.loop import Run
from ltxserve.training.tiny.model import LATENT_CHANNELS

SPATIAL: Kind = "latent_upsampler"
TEMPORAL: Kind = "temporal_latent_upsampler"
SMALL: dict[Kind, Supply] = {
    SPATIAL: Supply((Canvas(128, 64, 9),), shards=1, pairs=2),
    TEMPORAL: Supply((Canvas(64, 64, 17),), shards=1, pairs=2),
}


def test_halves_show_the_same_scene() -> None:
    small, large = clips_of(SPATIAL, 3, Canvas(128, 64, 9), "cpu")
    assert (small.shape, large.shape) == ((9, 3, 32, 64), (9, 3, 64, 128))
    shrunk = torch.nn.functional.avg_pool2d(large, 2)
    assert (shrunk - small).abs().mean() < 0.05
    slow, quick = clips_of(TEMPORAL, 3, Canvas(64, 64, 17), "cpu")
    assert torch.equal(slow, quick[::2])


@pytest.mark.parametrize("kind", [SPATIAL, TEMPORAL])
def test_latents_of_pairs_fit_the_upsampler(kind: Kind, unfitted: Fitted) -> None:
    pair = make_pairs(kind, unfitted.vae, [1], SMALL[kind].canvases[0])
    sizes = {SPATIAL: ((2, 1, 2), (2, 2, 4)), TEMPORAL: ((2, 2, 2), (3, 2, 2))}[kind]
    assert [t.shape for t in (pair.half, pair.whole)] == [
        (1, LATENT_CHANNELS, *size) for size in sizes
    ]


def test_a_pool_is_encoded_once_and_says_the_same_again(tmp_path: Path, unfitted: Fitted) -> None:
    one = Pool(SPATIAL, unfitted.vae, tmp_path, SMALL[SPATIAL]).batch(5, 1)
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    again = Pool(SPATIAL, unfitted.vae, tmp_path, SMALL[SPATIAL]).batch(5, 1)
    assert file.stat().st_mtime_ns == written
    assert torch.equal(one.whole, again.whole)


@pytest.mark.parametrize("kind", [SPATIAL, TEMPORAL])
def test_steps_bring_latents_nearer(kind: Kind, tmp_path: Path, unfitted: Fitted) -> None:
    job = UpsamplerJob(Pool(kind, unfitted.vae, tmp_path, SMALL[kind]), 20)
    errors = [job.step(number, 1.0)["error"] for number in range(8)]
    assert errors[-1] < 0.8 * errors[0]
    other = UpsamplerJob(job.pool, 20)
    other.restore(job.state())
    assert other.step(9, 1.0) == job.step(9, 1.0)


def test_the_fitted_ones_lie_in_the_model(tmp_path: Path, unfitted: Fitted) -> None:
    model = tmp_path / "model"
    unfitted.vae.save_pretrained(model / "vae")
    run = Run(tmp_path / "run")
    assert not train_upsamplers(Run(tmp_path / "run", minutes=0), model, steps=1, supplies=SMALL)
    assert not (model / SPATIAL).exists()
    assert train_upsamplers(run, model, steps=1, supplies=SMALL)
    for kind in SMALL:
        read: Any = LTX2LatentUpsamplerModel.from_pretrained(model / kind)
        assert read.config.temporal_upsample == (kind == TEMPORAL)
        assert f"{kind}/config.json" in (model / HASHES).read_text()
        assert list((tmp_path / "run" / "samples").glob(f"{kind}-*.png"))
