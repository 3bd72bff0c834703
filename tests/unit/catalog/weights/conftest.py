"""A model row whose files are a few kilobytes, and where they are looked for."""

import dataclasses
import struct
from pathlib import Path

import pytest

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.catalog.spec import WeightFile
from ltxserve.catalog.weights.places import Places

VENDOR = "Lightricks/LTX-Video"
TEXT = "PixArt-alpha/PixArt-XL-2-1024-MS"


def safetensors(count: int, fill: int = 1) -> bytes:
    """A whole file of the format with one tensor of `count` bytes."""
    header = f'{{"w":{{"dtype":"U8","shape":[{count}],"data_offsets":[0,{count}]}}}}'.encode()
    return struct.pack("<Q", len(header)) + header + bytes([fill]) * count


REPOS = {
    VENDOR: {"model.safetensors": safetensors(50_000), "up.safetensors": safetensors(9_000, 2)},
    TEXT: {
        "text_encoder/config.json": b'{"model_type": "t5"}',
        "text_encoder/model.safetensors": safetensors(5_000, 3),
        "text_encoder/picture.png": b"png" * 1000,
        "tokenizer/spiece.model": b"pieces",
    },
}


@pytest.fixture
def spec() -> ModelSpec:
    row = load_catalog().model("ltxv-2b-0.9.8-distilled")
    files = (
        WeightFile("model.safetensors", "checkpoint"),
        WeightFile("up.safetensors", "spatial_upscaler"),
    )
    return dataclasses.replace(row, files=files)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(
        configured=tmp_path / "models",
        volumes=(),
        home=tmp_path / "home",
        caches=(tmp_path / "hub",),
    )
