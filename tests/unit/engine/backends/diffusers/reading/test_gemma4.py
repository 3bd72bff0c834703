"""LTX-2.5's text encoder from its one file: both ways of naming, version, tokenizer."""

import functools
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ltxserve.engine.backends.diffusers.reading.gemma4 import read_gemma_4, wanted_version
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from ltxserve.errors import ModelUnavailable
from tests.replicas.build import GEMMA_VERSION, Replica, replica, write_gemma_4
from tests.replicas.configs import ALL

NAME = "ltx-2.5-small"


@functools.cache
def projection() -> Replica:
    return replica(NAME)


def written(folder: Path, flat: bool = False) -> Path:
    return write_gemma_4(folder / "gemma.safetensors", ALL[NAME], projection(), flat)


def changed(path: Path, drop: str = "", **told: str) -> Path:
    """The file without a tensor, or with other metadata."""
    tensors = {n: t for n, t in load_file(path).items() if n != drop}
    save_file(tensors, path, {**open_tensors(path).metadata, **told})
    return path


def refusal(path: Path, wanted: str | None = None) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        read_gemma_4(path, torch.float32, wanted)
    assert caught.value.code == "weights_corrupt"
    return caught.value.message


@pytest.mark.parametrize("flat", [False, True])
def test_every_weight_is_read_under_either_name(flat: bool, tmp_path: Path):
    text = read_gemma_4(written(tmp_path, flat), torch.float32, GEMMA_VERSION)
    stored = load_file(tmp_path / "gemma.safetensors")
    middle = "model." if flat else "model.language_model."
    official = stored[f"{middle}layers.1.mlp.up_proj.weight"].float()
    ours = text.encoder.state_dict()["model.language_model.layers.1.mlp.up_proj.weight"]
    assert torch.equal(ours, official)
    states = text.encoder(input_ids=torch.tensor([[2, 69]]), output_hidden_states=True)
    assert len(states.hidden_states) == ALL[NAME].text_layers + 1


def test_the_tokenizer_lies_in_the_file(tmp_path: Path):
    words = read_gemma_4(written(tmp_path), torch.float32).tokenizer
    assert words("ab").input_ids == [2, 69, 70]
    assert (words.pad_token, words.model_max_length) == ("<pad>", 1024)


def test_another_gemma_is_refused(tmp_path: Path):
    path = written(tmp_path)
    assert "wants gemma4-12b-it" in refusal(path, "gemma4-12b-it")
    assert "not gemma4_unified" in refusal(changed(path, gemma_config='{"model_type": "gemma3"}'))
    assert "no Gemma" in refusal(changed(path, gemma_config="{}"))


def test_what_is_missing_is_named(tmp_path: Path):
    lacking = changed(written(tmp_path / "a"), "model.language_model.norm.weight")
    assert "1 weights are missing" in refusal(lacking)
    assert "tokenizer_json" in refusal(changed(written(tmp_path / "b"), "tokenizer_json"))


def test_the_version_that_a_transformer_wants(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    told = json.dumps({"gemma_version": "x"})
    save_file({"a": torch.zeros(1)}, path, {"gemma_source_checkpoint": told})
    assert wanted_version(open_tensors(path)) == "x"
    save_file({"a": torch.zeros(1)}, path)
    assert wanted_version(open_tensors(path)) is None
