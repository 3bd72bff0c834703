"""What rows need, and what counts as being there."""

import dataclasses
import json
from pathlib import Path

import pytest

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.catalog.weights.needs import Need, lacking, locate, needs, place_of, read_json
from ltxserve.catalog.weights.places import Places
from tests.unit.catalog.weights.conftest import REPOS, TEXT, VENDOR

ROWS = load_catalog().models.values()


def put(root: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return root


@pytest.mark.parametrize("spec", ROWS, ids=lambda spec: spec.name)
def test_every_row_needs_a_transformer_and_a_text_encoder(spec: ModelSpec):
    roles = [need.role for need in needs(spec)]
    if spec.weights:
        assert not roles
        return
    assert ("checkpoint" in roles) != ("transformer" in roles)
    assert roles.count("text_encoder") == 1


def test_the_text_encoder_comes_with_its_tokenizer(spec: ModelSpec):
    assert [(n.role, n.path, n.is_folder) for n in needs(spec)[2:]] == [
        ("text_encoder", "text_encoder", True),
        ("tokenizer", "tokenizer", True),
    ]
    gemma = load_catalog().model("ltx-2.5-22b-distilled")
    assert next(n for n in needs(gemma) if n.role == "text_encoder").path.endswith(".safetensors")
    whole = next(n for n in needs(load_catalog().model("ltx-2-19b-dev")) if n.is_folder)
    assert "whole repository" in whole.name


def test_optional_files_do_not_block(spec: ModelSpec, places: Places):
    root = places.target()
    put(root / VENDOR, {"model.safetensors": REPOS[VENDOR]["model.safetensors"]})
    put(root / TEXT, REPOS[TEXT])
    located = locate(spec, places)
    assert [need.role for need in located.missing] == ["spatial_upscaler"]
    assert not located.blocking
    assert located.path("checkpoint") == root / VENDOR / "model.safetensors"
    assert located.path("vae") is None


def test_a_text_encoder_with_a_shard_missing_is_not_there(spec: ModelSpec, places: Places):
    folder = put(places.target() / TEXT / "text_encoder", {"config.json": b"{}"})
    index = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    put(folder, {"m.safetensors.index.json": json.dumps(index).encode(), "1.safetensors": b""})
    assert lacking(folder, "text_encoder") == ("2.safetensors",)
    need = next(n for n in needs(spec) if n.role == "text_encoder")
    assert place_of(need, places) is None
    put(folder, {"2.safetensors": b""})
    assert place_of(need, places) == folder


def test_a_diffusers_folder_stands_in_for_the_vendors_files(spec: ModelSpec, places: Places):
    row = dataclasses.replace(spec, diffusers_repo="somebody/model")
    folder = places.target() / "somebody/model"
    index = {"_class_name": "X", "transformer": ["diffusers", "T"], "safety": [None, None]}
    put(folder, {"model_index.json": json.dumps(index).encode()})
    assert locate(row, places).form == "files"
    put(folder / "transformer", {"config.json": b"{}", "w.safetensors": b""})
    located = locate(row, places)
    assert located.form == "diffusers"
    assert located.path("pipeline") == folder
    assert lacking(folder / "transformer", "pipeline") == ("model_index.json",)


def test_tokenizers_and_odd_json(tmp_path: Path):
    assert lacking(tmp_path, "tokenizer") == ("tokenizer.json",)
    put(tmp_path, {"spiece.model": b"", "list.json": b"[1]", "broken.json": b"{"})
    assert lacking(tmp_path, "tokenizer") == ()
    assert read_json(tmp_path / "list.json") == read_json(tmp_path / "broken.json") == {}


def test_names_for_people():
    assert Need("vae", "a/b", "c.safetensors").name == "a/b: c.safetensors"
