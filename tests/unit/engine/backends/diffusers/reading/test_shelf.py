"""Text encoders that models share while one of them lives."""

import gc
import os
from pathlib import Path
from typing import Any

import torch

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.reading.shelf import SHELF, EncoderKey, Shelf
from ltxserve.engine.engine import Engine
from tests.replicas.folders import catalog_with, small_row, write_row


class Encoder:
    """Stands for much memory."""


def key(folder: Path, dtype: torch.dtype = torch.float32) -> EncoderKey:
    return EncoderKey.of(folder, dtype)


def encoder_of(engine: Engine, name: str) -> int:
    backend: Any = engine.backend(name)
    return id(backend.pipeline.text_encoder)


def test_one_is_shared_while_it_is_used(tmp_path: Path):
    shelf = Shelf()
    first = shelf.get(key(tmp_path), Encoder)
    assert shelf.get(key(tmp_path), Encoder) is first
    assert shelf.get(key(tmp_path, torch.bfloat16), Encoder) is not first
    del first
    gc.collect()
    assert len(shelf) == 0


def test_changed_files_are_read_anew(tmp_path: Path):
    file = tmp_path / "w"
    file.write_bytes(b"1")
    before = key(tmp_path)
    os.utime(file, (1, 1))
    assert key(tmp_path) != before


def test_models_that_follow_each_other_share_their_text_encoder(tmp_path: Path):
    rows = small_row("ltx-2-19b-dev"), small_row("ltx-2-19b-distilled")
    for row in rows:
        write_row(tmp_path, row)
    os.utime(tmp_path / rows[0].text_encoder.repo / "config.json", (1, 1))
    with Engine(Placement("cpu", "float32", tmp_path), catalog_with(*rows)) as engine:
        assert encoder_of(engine, rows[0].name) == encoder_of(engine, rows[1].name)
    gc.collect()
    assert len(SHELF) == 0
