"""Which layers keep small weights, and what becomes of small weights elsewhere."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.compact import (
    Places,
    keep_small,
    made_large,
    take_scales,
)
from ltxserve.engine.backends.diffusers.reading.fp4 import Fp4Linear
from ltxserve.engine.backends.diffusers.reading.fp8 import Fp8Linear
from ltxserve.engine.backends.diffusers.reading.ggufs import GgufLinear, open_gguf
from ltxserve.engine.backends.diffusers.reading.int8 import Int8Linear
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from ltxserve.errors import ModelUnavailable
from tests.replicas.build import MODEL, Replica
from tests.replicas.fp4 import decode, encode
from tests.replicas.ggufs import meant, write_gguf
from tests.replicas.int8 import decode as whole_of
from tests.replicas.int8 import encode as rounded

WEIGHT = torch.randn(32, 32, generator=torch.Generator().manual_seed(0))
CPU = torch.device("cpu")


def model() -> nn.Module:
    made = nn.Module()
    made.add_module("transformer_blocks", nn.ModuleList([nn.Linear(32, 32), nn.LayerNorm(32)]))
    made.add_module("proj_in", nn.Linear(32, 32))
    return made


def fp4(name: str) -> tuple[dict[str, Tensor], Tensor]:
    packed, tiled, whole = encode(WEIGHT.numpy())
    parts = {
        name: torch.from_numpy(packed),
        f"{name}_scale": torch.from_numpy(tiled).view(torch.float8_e4m3fn),
        f"{name}_scale_2": torch.tensor(whole),
    }
    return parts, torch.from_numpy(decode(packed, tiled, whole))


def fp8(name: str) -> dict[str, Tensor]:
    scale = WEIGHT.abs().max() / 448
    return {name: (WEIGHT / scale).to(torch.float8_e4m3fn), f"{name}_scale": scale}


def placed(tensors: dict[str, Tensor], folder: Path) -> Places:
    file = open_tensors(Replica(tensors, {}).save(folder / "w.safetensors"))
    return {name: (file, entry) for name, entry in file.entries.items()}


def int8(name: str) -> tuple[dict[str, Tensor], Tensor]:
    numbers, scale = rounded(WEIGHT.numpy(), 16)
    told = b'{"format": "int8_tensorwise", "convrot": true, "convrot_groupsize": 16}'
    parts = {
        name: torch.from_numpy(numbers),
        f"{name}_scale": torch.from_numpy(scale),
        f"{name.removesuffix('.weight')}.comfy_quant": torch.tensor([*told], dtype=torch.uint8),
    }
    return parts, torch.from_numpy(whole_of(numbers, scale, 16))


@pytest.mark.parametrize("kind", [Fp4Linear, Fp8Linear, Int8Linear])
def test_linear_layers_of_blocks_stay_small(kind: type, tmp_path: Path):
    inside, outside = "transformer_blocks.0.weight", "proj_in.weight"
    tensors = {name: t for n in (inside, outside) for name, t in _tensors(kind, n).items()}
    tensors["transformer_blocks.1.weight"] = torch.ones(32)
    made = model()
    layers = keep_small(made, placed(tensors, tmp_path))
    assert {name: type(layer) for name, layer in layers.items()} == {"transformer_blocks.0": kind}
    assert made.get_submodule("transformer_blocks.0") is layers["transformer_blocks.0"]
    assert type(made.get_submodule("proj_in")) is nn.Linear


def _tensors(kind: type, name: str) -> dict[str, Tensor]:
    return {Fp4Linear: fp4(name)[0], Fp8Linear: fp8(name), Int8Linear: int8(name)[0]}[kind]


def test_others_are_made_large(tmp_path: Path):
    tensors, wanted = fp4("proj_in.weight")
    places = placed(tensors, tmp_path)
    made = made_large(tensors["proj_in.weight"], "proj_in.weight", places["proj_in.weight"], places)
    assert torch.equal(made, wanted)
    tensors, wanted = int8("proj_in.weight")
    places = placed(tensors, tmp_path)
    stored = tensors["proj_in.weight"].view(torch.uint8)
    made = made_large(stored, "proj_in.weight", places["proj_in.weight"], places)
    assert torch.allclose(made, wanted, atol=1e-6)
    small = fp8("proj_in.weight")
    places = placed(small, tmp_path)
    made = made_large(small["proj_in.weight"], "proj_in.weight", places["proj_in.weight"], places)
    assert torch.allclose(made, WEIGHT, rtol=0.07, atol=0.01)
    plain = torch.ones(2)
    assert made_large(plain, "proj_in.bias", places["proj_in.weight"], places) is plain


def test_a_gguf_says_itself_what_its_bytes_mean(tmp_path: Path):
    names = ("transformer_blocks.0.weight", "transformer_1d_blocks.0.weight", "proj_in.weight")
    whole = Replica({MODEL + name: WEIGHT for name in names}, {"config": "{}"})
    file = open_gguf(write_gguf(whole, tmp_path / "w.gguf"))
    places = {name: (file, entry) for name, entry in file.entries.items()}
    layers = keep_small(model(), places)
    assert isinstance(layers["transformer_blocks.0"], GgufLinear)
    take_scales(layers, places, {}, CPU)
    assert [places[name][1].packed for name in names] == ["Q8_0", "Q8_0", ""]
    for name, packed in file.read(names):
        made, wanted = made_large(packed, name, places[name], {}), meant(whole).tensors
        assert torch.equal(made.float(), wanted[MODEL + name]), name


def test_scales_that_do_not_fit_name_the_file(tmp_path: Path):
    name = "transformer_blocks.0.weight"
    tensors = {**fp4(name)[0], f"{name}_scale": torch.ones(3).to(torch.float8_e4m3fn)}
    places = placed(tensors, tmp_path)
    layers = keep_small(model(), places)
    with pytest.raises(ModelUnavailable) as caught:
        take_scales(layers, places, places, CPU)
    assert caught.value.code == "weights_corrupt"
    assert "w.safetensors" in caught.value.message
    with pytest.raises(ModelUnavailable, match="3 scales"):
        made_large(tensors[name], name, places[name], places)
    short = {**int8(name)[0], f"{name}_scale": torch.ones(3)}
    places = placed(short, tmp_path)
    with pytest.raises(ModelUnavailable, match="3 numbers for 32 outputs"):
        made_large(short[name].view(torch.uint8), name, places[name], places)


@pytest.mark.parametrize("kind", [Fp4Linear, Int8Linear])
def test_weights_without_their_scales_name_the_file(kind: type, tmp_path: Path):
    name = "transformer_blocks.0.weight"
    tensors = _tensors(kind, name)
    places = placed(tensors, tmp_path)
    without = {key: place for key, place in places.items() if key != f"{name}_scale"}
    with pytest.raises(ModelUnavailable, match=r"w\.safetensors") as caught:
        made_large(tensors[name].view(torch.uint8), name, places[name], without)
    assert caught.value.code == "weights_corrupt"
    layers = keep_small(model(), places)
    with pytest.raises(ModelUnavailable, match=r"w\.safetensors"):
        take_scales(layers, places, without, CPU)
