"""What the LTX-Video pipeline prepares where it follows control videos: tokens, masks, places."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.load import load_backend
from ltxserve.engine.backends.diffusers.ltxv_pipeline import LtxvPipeline
from ltxserve.engine.backends.diffusers.references import Reference
from tests.replicas.folders import small_row, write_row

GRID = 2, 3, 4  # latent frames, rows and columns of a clip
SEED = 7


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> LtxvPipeline:
    root, row = tmp_path_factory.mktemp("weights"), small_row("ltxv-2b-0.9.5")
    write_row(root, row)
    backend: Any = load_backend(row, Placement("cpu", "float32", Path(root)))
    return backend.pipeline


def prepared(pipeline: LtxvPipeline, picture: torch.Tensor | None = None) -> Any:
    """What is prepared for a clip of the grid; picture: its first frame, held."""
    shown = [] if picture is None else [picture]
    return pipeline.prepare_latents(
        shown, [1.0] * len(shown), [0] * len(shown), batch_size=1, num_channels_latents=128,
        height=32 * GRID[1], width=32 * GRID[2], num_frames=8 * (GRID[0] - 1) + 1,
        generator=torch.Generator().manual_seed(SEED), device=torch.device("cpu"),
        dtype=torch.float32,
    )  # fmt: skip


def reference(grid: tuple[int, int, int], value: float, **more: Any) -> Reference:
    frames, rows, columns = grid
    tokens = torch.full((1, frames * rows * columns, 128), value)
    return Reference(tokens, grid, **{"strength": 1.0, "downscale": 1, **more})


def test_references_lie_before_the_clip_at_its_places(pipeline: LtxvPipeline):
    plain, mask, places, before = prepared(pipeline)
    assert (mask, before) == (None, 0)
    one, two = reference(GRID, 1.0), reference((1, 3, 4), 2.0)
    with pipeline.following([one, two]):
        led, held, where, count = prepared(pipeline)
    assert count == 24 + 12
    assert led[0, :, 0].tolist() == [1.0] * 24 + [2.0] * 12 + plain[0, :, 0].tolist()
    assert torch.equal(led[:, count:], plain)
    assert held.tolist() == [[1.0] * count + [0.0] * 24]
    assert torch.equal(where[:, :, count:], places)
    assert torch.equal(where[:, :, :24], places)
    assert torch.equal(where[:, :, 24:count], places[:, :, :12])


def test_a_first_picture_stays_held(pipeline: LtxvPipeline):
    picture = torch.zeros(1, 3, 1, 96, 128)
    with torch.inference_mode(), pipeline.following([reference(GRID, 1.0)]):
        _, held, _, count = prepared(pipeline, picture)
    assert held[0, count:].tolist() == [1.0] * 12 + [0.0] * 12


def test_a_weak_reference_is_noisy_and_partly_held(pipeline: LtxvPipeline):
    with pipeline.following([reference(GRID, 5.0, strength=0.6)]):
        led, held, _, count = prepared(pipeline)
    assert held[0, :count].tolist() == pytest.approx([0.6] * count)
    assert led[:, :count].mean().item() == pytest.approx(3.0, abs=0.05)
    assert led[:, :count].std().item() == pytest.approx(0.4, abs=0.05)


def test_a_small_reference_covers_the_whole_clip(pipeline: LtxvPipeline):
    with pipeline.following([reference((1, 1, 2), 1.0, downscale=2)]):
        _, _, where, count = prepared(pipeline)
    assert where[0, :, :count].T.tolist() == [[0, 0, 0], [0, 0, 64]]


def test_nothing_is_followed_afterwards(pipeline: LtxvPipeline):
    with pytest.raises(KeyError), pipeline.following([reference(GRID, 1.0)]):
        raise KeyError
    assert prepared(pipeline)[3] == 0
