"""Text encoders from the vendor's folders: all weights, the right kind, or a refusal."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ltxserve.engine.backends.diffusers.reading.texts import (
    read_encoder,
    read_gemma_3,
    read_t5,
    reading,
    shards,
)
from ltxserve.errors import ModelUnavailable
from tests.replicas.build import write_gemma_3, write_t5
from tests.replicas.configs import ALL

CONFIG = ALL["ltx-2.0-small"]


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gemma_3(tmp_path_factory.mktemp("gemma"), CONFIG)


@pytest.fixture
def t5(tmp_path: Path) -> Path:
    return write_t5(tmp_path)


def test_gemma_3_from_its_shards(gemma: Path):
    assert len(list(gemma.glob("*.safetensors"))) > 1
    text = read_gemma_3(gemma, torch.float32)
    stored = {n: t for path in gemma.glob("*.safetensors") for n, t in load_file(path).items()}
    name = "layers.1.mlp.up_proj.weight"
    ours = text.encoder.state_dict()[f"model.language_model.{name}"]
    assert torch.equal(ours, stored[f"language_model.model.{name}"].float())
    assert not any(p.requires_grad for p in text.encoder.parameters())
    assert text.tokenizer("ab").input_ids == [2, 69, 70]
    outputs = text.encoder.model(torch.tensor([[2, 69, 70]]), output_hidden_states=True)
    assert len(outputs.hidden_states) == CONFIG.text_layers + 1


def test_t5_and_its_pieces(t5: Path):
    text = read_t5(t5 / "text_encoder", t5 / "tokenizer", torch.bfloat16)
    assert text.encoder.dtype == torch.bfloat16
    ids = text.tokenizer("a b").input_ids
    assert ids[-1] == 1
    assert text.tokenizer.decode(ids, skip_special_tokens=True) == "a b"


def test_the_class_may_be_named(t5: Path):
    made = read_encoder("T5EncoderModel", t5 / "text_encoder", torch.float32)
    assert type(made).__name__ == "T5EncoderModel"
    assert len(shards(t5 / "text_encoder")) > 1
    with pytest.raises(ModelUnavailable):
        read_encoder("NoSuchClass", t5 / "text_encoder", torch.float32)


def code_of(t5: Path) -> tuple[str, str]:
    with pytest.raises(ModelUnavailable) as caught:
        read_t5(t5 / "text_encoder", t5 / "tokenizer", torch.float32)
    return caught.value.code, caught.value.message


def test_a_shard_that_is_cut_is_named(t5: Path):
    shard = sorted((t5 / "text_encoder").glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    code, message = code_of(t5)
    assert code == "weights_corrupt"
    assert shard.name in message


def test_missing_and_foreign_weights_are_refused(t5: Path):
    shard = sorted((t5 / "text_encoder").glob("*.safetensors"))[0]
    tensors = load_file(shard)
    name = next(n for n in tensors if "block" in n)
    save_file({n: t for n, t in tensors.items() if n != name}, shard)
    assert "weights are missing" in code_of(t5)[1]
    save_file({**tensors, "foreign.weight": torch.zeros(1)}, shard)
    assert "belong to another model" in code_of(t5)[1]


def test_another_encoder_is_refused(gemma: Path, t5: Path):
    (t5 / "text_encoder" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert code_of(t5)[0] == "weights_corrupt"
    with pytest.raises(ModelUnavailable) as caught:
        read_t5(gemma, t5 / "tokenizer", torch.float32)
    assert caught.value.code == "weights_corrupt"


def test_a_missing_package_is_no_damage():
    with pytest.raises(ModelUnavailable) as caught, reading("tokenizer", Path("t")):
        raise ImportError("sentencepiece")
    assert caught.value.code == "backend_missing"
