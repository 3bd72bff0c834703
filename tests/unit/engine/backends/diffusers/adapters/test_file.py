"""Adapters' files: every tensor has its place and fits, or the file and the reason are named."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ltxserve.engine.backends.diffusers.adapters.file import open_adapter, read_adapter
from ltxserve.engine.backends.diffusers.adapters.layers import Layers, Place, file_shapes
from ltxserve.engine.backends.diffusers.reading.assemble import Source
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from ltxserve.errors import ModelUnavailable
from tests.replicas.adapters import (
    CAMERA,
    RANK,
    Named,
    adapter,
    comfy,
    kohya,
    layers,
    official,
)
from tests.replicas.build import Replica, replica
from tests.replicas.folders import small_row

LAYER = "transformer_blocks.0.attn1.to_k"
PLACE = Place("transformer", LAYER)


@pytest.fixture(scope="module")
def whole() -> Replica:
    return replica("ltx-2.0-small")


@pytest.fixture(scope="module")
def known(whole: Replica, tmp_path_factory: pytest.TempPathFactory) -> Layers:
    row = small_row("ltx-2-19b-dev")
    path = whole.save(tmp_path_factory.mktemp("base") / "base.safetensors")
    return Layers.of(row, file_shapes(row, [Source("checkpoint", open_tensors(path))]))


def one(**tensors: Tensor) -> dict[str, Tensor]:
    """A pair for one layer; what is named replaces a half, None leaves it out."""
    pair = {"lora_A.weight": torch.ones(RANK, 128), "lora_B.weight": torch.ones(128, RANK)}
    return {f"diffusion_model.{LAYER}.{end}": tensor for end, tensor in {**pair, **tensors}.items()}


def refusal(tensors: dict[str, Tensor], known: Layers, folder: Path, code: str) -> str:
    path = Replica(tensors, {}).save(folder / "odd.safetensors")
    with pytest.raises(ModelUnavailable) as caught:
        read_adapter(open_adapter(path, known))
    assert (caught.value.code, caught.value.field) == (code, "loras")
    assert "odd.safetensors" in caught.value.message
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("named", [official, comfy, kohya])
def test_camera_adapters_have_a_pair_for_each_of_their_layers(
    named: Named, whole: Replica, known: Layers, tmp_path: Path
):
    shapes = layers(whole, *CAMERA)
    made = adapter(shapes, named)
    read = read_adapter(open_adapter(made.save(tmp_path / "camera.safetensors"), known))
    assert len(read.deltas) == len(shapes) == 2 * (4 + 4 + 2)
    for layer in shapes:
        delta = read.deltas[Place("transformer", layer)]
        assert torch.equal(delta.down, made.tensors[named(layer, "A")])
        assert torch.equal(delta.up, made.tensors[named(layer, "B")])
        assert delta.scale == 1
    assert read.bytes == sum(tensor.nbytes for tensor in made.tensors.values())


@pytest.mark.parametrize(
    "name", ["ltx-2.0-small", "ltx-2.3-small", "ltx-2.5-small", "ltxv-0.9.5-small"]
)
def test_adapters_of_every_layer_have_no_name_too_much_and_none_too_few(name: str, tmp_path: Path):
    rows = {"ltxv-0.9.5": "ltxv-2b-0.9.5", "ltx-2.0": "ltx-2-19b-dev"}
    layout = name.removesuffix("-small")
    row = small_row(rows.get(layout, f"{layout}-22b-dev"))
    made = replica(name)
    base = Source("checkpoint", open_tensors(made.save(tmp_path / "base.safetensors")))
    shapes = file_shapes(row, [base])
    path = adapter(layers(made)).save(tmp_path / "distilled.safetensors")
    assert set(open_adapter(path, Layers.of(row, shapes)).pairs) == set(shapes)


def test_alphas_scale(known: Layers, tmp_path: Path):
    tensors = {**one(), f"diffusion_model.{LAYER}.alpha": torch.tensor(2.0)}
    path = Replica(tensors, {}).save(tmp_path / "a.safetensors")
    assert read_adapter(open_adapter(path, known)).deltas[PLACE].scale == 2 / RANK


@pytest.mark.parametrize(
    ("told", "scale"),
    [
        ({"transformer.lora_alpha": 8, "transformer.r": RANK}, 2.0),
        ({"lora_alpha": 8, "use_rslora": True}, 4.0),
        ({"lora_alpha": 8, "alpha_pattern": {LAYER: 2}}, 0.5),
        ({"r": RANK}, 1.0),
    ],
)
def test_so_does_what_the_metadata_says(
    told: dict[str, object], scale: float, known: Layers, tmp_path: Path
):
    made = Replica(one(), {"lora_adapter_metadata": json.dumps(told)})
    path = made.save(tmp_path / "a.safetensors")
    assert read_adapter(open_adapter(path, known)).deltas[PLACE].scale == scale


def test_adapters_of_other_models_are_refused_by_their_names(known: Layers, tmp_path: Path):
    other = adapter(layers(replica("ltx-2.3-small"))).tensors
    said = refusal(dict(other), known, tmp_path, "lora_unsupported")
    assert "ltx-2-19b-dev has not" in said
    assert "audio_prompt_adaln_single" in said or "to_gate_logits" in said


def test_and_by_their_sizes(known: Layers, tmp_path: Path):
    wide = one(**{"lora_A.weight": torch.ones(RANK, 256)})
    said = refusal(wide, known, tmp_path, "lora_unsupported")
    assert "[4, 256]" in said
    assert "takes 128 numbers" in said
    turned = one(**{"lora_B.weight": torch.ones(RANK, 128)})
    refusal(turned, known, tmp_path, "lora_unsupported")
    ranks = one(**{"lora_B.weight": torch.ones(128, RANK + 1)})
    refusal(ranks, known, tmp_path, "lora_unsupported")


def test_halves_other_kinds_and_nothing_are_refused(known: Layers, tmp_path: Path):
    pair = one()
    lonely = {name: t for name, t in pair.items() if "lora_A" in name}
    assert "one half" in refusal(lonely, known, tmp_path, "lora_unsupported")
    alone = {f"diffusion_model.{LAYER}.alpha": torch.tensor(2.0)}
    assert "one half" in refusal(alone, known, tmp_path, "lora_unsupported")
    dora = {**pair, f"diffusion_model.{LAYER}.dora_scale": torch.ones(128)}
    assert "dora_scale" in refusal(dora, known, tmp_path, "lora_unsupported")
    whole = {f"diffusion_model.{LAYER}.diff": torch.ones(128, 128)}
    assert "unmerged" in refusal(whole, known, tmp_path, "lora_unsupported")
    twice = {**pair, f"transformer.{LAYER}.lora_A.weight": torch.ones(RANK, 128)}
    assert "two tensors" in refusal(twice, known, tmp_path, "lora_unsupported")
    integers = one(**{"lora_A.weight": torch.ones(RANK, 128, dtype=torch.int8)})
    assert "whole numbers" in refusal(integers, known, tmp_path, "lora_unsupported")
    several = {**pair, f"diffusion_model.{LAYER}.alpha": torch.ones(2)}
    assert "alpha" in refusal(several, known, tmp_path, "lora_unsupported")
    endless = {**pair, f"diffusion_model.{LAYER}.alpha": torch.tensor(torch.inf)}
    assert "scaled by inf" in refusal(endless, known, tmp_path, "lora_unsupported")
    refusal({}, known, tmp_path, "weights_corrupt")


def test_a_checkpoint_is_no_adapter(known: Layers, whole: Replica, tmp_path: Path):
    said = refusal(dict(whole.tensors), known, tmp_path, "lora_unsupported")
    assert "no part of a LoRA" in said


def test_files_that_were_cut_or_are_something_else_are_named(known: Layers, tmp_path: Path):
    path = Replica(one(), {}).save(tmp_path / "cut.safetensors")
    data = path.read_bytes()
    for content in (data[:-100], data[:40], b"", b"PK\x03\x04 a zip that torch saved"):
        path.write_bytes(content)
        with pytest.raises(ModelUnavailable) as caught:
            read_adapter(open_adapter(path, known))
        assert caught.value.code == "weights_corrupt"
        assert caught.value.field == "loras"
        assert "cut.safetensors" in caught.value.message
    path.write_bytes(data)
    opened = open_adapter(path, known)
    path.unlink()  # meanwhile
    with pytest.raises(ModelUnavailable) as caught:
        read_adapter(opened)
    assert caught.value.code == "weights_corrupt"
    with pytest.raises(ModelUnavailable) as caught:
        open_adapter(path, known)
    assert caught.value.code == "weights_missing"
