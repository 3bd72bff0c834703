"""Reading tensors: the same as safetensors reads, in pieces, and never past the end."""

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ltxserve.engine.backends.diffusers.reading.tensors import corrupt, open_tensors
from ltxserve.errors import ModelUnavailable

TENSORS = {
    "a": torch.randn(3, 5).to(torch.bfloat16),
    "b": torch.tensor(2.5),
    "c": torch.randn(7).to(torch.float8_e4m3fn),
    "d": torch.arange(4),
    "e": torch.zeros(0, 3),
}


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.reshape(-1).view(torch.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_file(TENSORS, tmp_path / "w.safetensors", {"config": '{"x": {"y": 1}}'})
    return tmp_path / "w.safetensors"


def test_everything_is_read_as_safetensors_reads_it(path: Path):
    file = open_tensors(path)
    ours, theirs = dict(file.read(file.entries)), load_file(path)
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        assert (ours[name].dtype, ours[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(bits(ours[name]), bits(tensor))
    assert file.config == {"x": {"y": 1}}


def test_in_the_order_of_the_file(path: Path):
    file = open_tensors(path)
    names = [name for name, _ in file.read(["a", "d", "c"])]
    starts = [file.entries[name].start for name in names]
    assert starts == sorted(starts)


def test_a_file_that_shrinks_is_noticed(path: Path):
    file = open_tensors(path)
    last = max(file.entries.values(), key=lambda entry: entry.end)
    path.write_bytes(path.read_bytes()[: last.end - 1])
    with pytest.raises(ModelUnavailable) as caught:
        dict(file.read([last.name]))
    assert caught.value.code == "weights_corrupt"
    assert last.name in caught.value.message


@pytest.mark.parametrize("keep", [0, 7, 20, -1])
def test_a_truncated_file_is_named(path: Path, keep: int):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelUnavailable) as caught:
        open_tensors(path)
    assert caught.value.code == "weights_corrupt"
    assert "w.safetensors" in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(ModelUnavailable) as caught:
        open_tensors(tmp_path / "none.safetensors")
    assert caught.value.code == "weights_missing"


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"dtype": "F4", "shape": [4], "data_offsets": [0, 4]}, "unknown type F4"),
        ({"dtype": "F32", "shape": [4], "data_offsets": [0, 4]}, "not its shape"),
    ],
)
def test_headers_that_lie(tmp_path: Path, entry: dict[str, object], says: str):
    header = json.dumps({"w": entry}).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(ModelUnavailable) as caught:
        open_tensors(path)
    assert says in caught.value.message


def test_a_configuration_that_is_no_json(tmp_path: Path):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors", {"config": "{"})
    with pytest.raises(ModelUnavailable) as caught:
        _ = open_tensors(tmp_path / "w.safetensors").config
    assert caught.value.code == "weights_corrupt"
    save_file({"a": torch.zeros(1)}, tmp_path / "v.safetensors", {"config": "[]"})
    assert open_tensors(tmp_path / "v.safetensors").config == {}
    assert "verify" in corrupt(tmp_path, "x").hint


def test_nvfp4_is_known_by_its_scales_and_read_as_bytes(tmp_path: Path):
    scales = torch.ones(128, 4).to(torch.float8_e4m3fn)
    whole = {
        "a.weight": torch.arange(64, dtype=torch.uint8).reshape(4, 16),
        "a.weight_scale": scales,
        "a.weight_scale_2": torch.tensor(1.0),
        "b.weight": torch.zeros(4, 16, dtype=torch.uint8),
    }
    save_file(whole, tmp_path / "w.safetensors")
    file = open_tensors(tmp_path / "w.safetensors")
    entry = file.entries["a.weight"]
    assert (entry.packed, entry.shape) == ("nvfp4", (4, 32))
    assert (file.entries["b.weight"].packed, file.entries["b.weight"].shape) == ("", (4, 16))
    assert torch.equal(next(file.read(["a.weight"]))[1], whole["a.weight"])


def test_int8_is_known_by_its_scales_and_read_as_bytes(tmp_path: Path):
    numbers = torch.arange(-32, 32, dtype=torch.int8).reshape(4, 16)
    whole = {"a.weight": numbers, "a.weight_scale": torch.ones(4, 1), "b.weight": numbers * 1}
    save_file(whole, tmp_path / "w.safetensors")
    file = open_tensors(tmp_path / "w.safetensors")
    assert (file.entries["a.weight"].packed, file.entries["a.weight"].shape) == ("int8", (4, 16))
    assert file.entries["b.weight"].packed == ""
    assert torch.equal(next(file.read(["a.weight"]))[1].view(torch.int8), numbers)
    assert file.notes == {}
    told = {"_quantization_metadata": '{"layers": {"a": {"format": "int8_tensorwise"}}}'}
    save_file(whole, tmp_path / "w.safetensors", told)
    assert open_tensors(tmp_path / "w.safetensors").notes["a"]["format"] == "int8_tensorwise"


@pytest.mark.parametrize("lost", ["all", "kind"])
def test_bytes_with_scales_of_another_kind_are_refused(tmp_path: Path, lost: str):
    kind = torch.float32 if lost == "kind" else torch.float8_e4m3fn
    whole = {
        "a.weight": torch.zeros(4, 16, dtype=torch.uint8),
        "a.weight_scale": torch.ones(128, 4).to(kind),
    }
    if lost == "kind":
        whole["a.weight_scale_2"] = torch.tensor(1.0)
    save_file(whole, tmp_path / "w.safetensors")
    with pytest.raises(ModelUnavailable) as caught:
        open_tensors(tmp_path / "w.safetensors")
    assert caught.value.code == "weights_corrupt"
    assert "a.weight" in caught.value.message
