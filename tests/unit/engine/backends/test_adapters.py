"""A plan's adapters become files: rows by the catalog, paths as they are; or what is missing."""

from pathlib import Path

import pytest

from ltxserve.engine.backends.adapters import AdapterFinder
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.loras import PlannedLora
from ltxserve.errors import ModelUnavailable

ROW = PlannedLora(
    "camera-static",
    1.0,
    repo="Lightricks/LTX-2-19b-LoRA-Camera-Control-Static",
    file="ltx-2-19b-lora-camera-control-static.safetensors",
)


def test_rows_lie_where_models_do(tmp_path: Path):
    find = AdapterFinder(Placement(models_dir=tmp_path))
    place = tmp_path / ROW.repo / ROW.file
    place.parent.mkdir(parents=True)
    place.touch()
    assert find(ROW) == place
    flat = tmp_path / "flat"
    flat.mkdir()
    (flat / ROW.file).touch()
    assert AdapterFinder(Placement(models_dir=flat))(ROW) == flat / ROW.file


def test_paths_lie_where_they_say(tmp_path: Path):
    find = AdapterFinder(Placement(models_dir=tmp_path))
    mine = tmp_path / "mine.safetensors"
    mine.touch()
    assert find(PlannedLora("mine.safetensors", 1.0, path=str(mine))) == mine
    assert find(PlannedLora("mine.safetensors", 1.0, path="mine.safetensors")) == mine


def test_what_is_missing_is_named_with_what_to_do(tmp_path: Path):
    find = AdapterFinder(Placement(models_dir=tmp_path))
    with pytest.raises(ModelUnavailable) as caught:
        find(ROW)
    assert (caught.value.code, caught.value.field) == ("weights_missing", "loras")
    assert ROW.file in caught.value.message
    assert caught.value.hint == "Pull it: ltxserve models pull camera-static"
    with pytest.raises(ModelUnavailable) as caught:
        find(PlannedLora("x.safetensors", 1.0, path="no/x.safetensors"))
    assert "x.safetensors" in caught.value.message
