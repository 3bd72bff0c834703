"""Diffusers folders: what model_index.json names, nothing from elsewhere, nothing filled in."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import LTXVideoTransformer3DModel
from safetensors.torch import load_file, save_file

from ltxserve.engine.backends.diffusers.folders import (
    Part,
    Reading,
    corrupt,
    listed_parts,
    load_part,
)
from ltxserve.errors import ModelUnavailable

PART = Part("transformer", "diffusers", "LTXVideoTransformer3DModel")
FLOAT = Reading(torch.float32)
MAPPED = Reading(torch.float32, mapped=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = LTXVideoTransformer3DModel(
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        caption_channels=32,
    )
    model.save_pretrained(tmp_path / "transformer")
    return tmp_path / "transformer"


@pytest.mark.parametrize("reading", [FLOAT, MAPPED])
def test_a_whole_part(folder: Path, reading: Reading):
    stored = load_file(next(folder.glob("*.safetensors")))
    made = load_part(PART, folder, reading)
    assert all(torch.equal(made.state_dict()[n], t) for n, t in stored.items())
    assert load_part(PART, folder, Reading(torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("reading", [FLOAT, MAPPED])
@pytest.mark.parametrize("change", ["drop", "add"])
def test_weights_that_do_not_fit_are_refused(folder: Path, change: str, reading: Reading):
    file = next(folder.glob("*.safetensors"))
    tensors = load_file(file)
    if change == "drop":
        tensors.pop("proj_out.bias")
    else:
        tensors["foreign"] = torch.zeros(1)
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(ModelUnavailable) as caught:
        load_part(PART, folder, reading)
    assert caught.value.code == "weights_corrupt"


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(ModelUnavailable) as caught:
        load_part(PART, tmp_path, FLOAT)
    assert "no configuration" in caught.value.message


def test_classes_come_from_the_index(tmp_path: Path):
    index = {
        "_class_name": "LTX2Pipeline",
        "transformer": ["diffusers", "LTX2VideoTransformer3DModel"],
        "vocoder": ["ltx2", "LTX2VocoderWithBWE"],
        "processor": [None, None],
        "tokenizer": ["transformers", "GemmaTokenizerFast"],
    }
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    parts = listed_parts(tmp_path, ("transformer", "vocoder", "processor", "tokenizer", "vae"))
    assert [(p.folder, p.module, p.weights) for p in parts] == [
        ("transformer", "diffusers", True),
        ("vocoder", "diffusers.pipelines.ltx2", True),
        ("tokenizer", "transformers", False),
    ]


def test_other_libraries_are_not_imported(tmp_path: Path):
    (tmp_path / "model_index.json").write_text(json.dumps({"vae": ["subprocess", "Popen"]}))
    with pytest.raises(ModelUnavailable) as caught:
        listed_parts(tmp_path, ("vae",))
    assert "subprocess" in caught.value.message
    with pytest.raises(ModelUnavailable):
        load_part(Part("vae", "diffusers", "NoSuchClass"), tmp_path, FLOAT)
    assert "\n" not in corrupt("vae", "one\ntwo").message
