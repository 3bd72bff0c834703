"""Tensors that are stored as one, seen as those they hold."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ltxserve.engine.backends.diffusers.reading.packed import Packing, unpacked
from ltxserve.engine.backends.diffusers.reading.tensors import TensorFile, open_tensors
from ltxserve.errors import ModelUnavailable

PACKING = Packing(
    {".qkv.": (".q.", ".k.", ".v.")},
    {".attn.proj.": "gate_msa", ".mlp.down.": "gate_mlp"},
)
ROWS = torch.arange(24.0).reshape(6, 4)
GATE = torch.tensor([2.0, 0.5])


def stored(folder: Path, **more: torch.Tensor) -> TensorFile:
    tensors = {
        "0.attn.qkv.weight": ROWS,
        "0.attn.qkv.bias": ROWS[:, 0].clone(),
        "0.attn.proj.weight": ROWS[:2].clone(),
        "0.attn.proj.bias": torch.ones(2),
        "0.gate_msa": GATE,
        "1.attn.proj.weight": ROWS[:2].clone(),
        "norm": torch.ones(3),
        **more,
    }
    save_file(tensors, folder / "a.safetensors", {"config": '{"a": 1}'})
    return open_tensors(folder / "a.safetensors")


def test_parts_and_gates(tmp_path: Path):
    file = unpacked(stored(tmp_path), PACKING)
    assert file.config == {"a": 1}
    assert {name: entry.shape for name, entry in file.entries.items()} == {
        **{f"0.attn.{part}.weight": (2, 4) for part in "qkv"},
        **{f"0.attn.{part}.bias": (2,) for part in "qkv"},
        "0.attn.proj.weight": (2, 4),
        "0.attn.proj.bias": (2,),
        "1.attn.proj.weight": (2, 4),
        "norm": (3,),
    }
    read = dict(file.read(file.entries))
    for number, part in enumerate("qkv"):
        assert torch.equal(read[f"0.attn.{part}.weight"], ROWS[number * 2 : number * 2 + 2])
        assert torch.equal(read[f"0.attn.{part}.bias"], ROWS[number * 2 : number * 2 + 2, 0])
    assert torch.equal(read["0.attn.proj.weight"], ROWS[:2] * GATE[:, None])
    assert torch.equal(read["0.attn.proj.bias"], GATE)
    assert torch.equal(read["1.attn.proj.weight"], ROWS[:2]), "there is no gate beside it"


def test_only_what_is_asked_for_is_read(tmp_path: Path):
    file = unpacked(stored(tmp_path), PACKING)
    assert [name for name, _ in file.read(["0.attn.k.weight"])] == ["0.attn.k.weight"]


def test_nothing_packed_is_the_file_itself(tmp_path: Path):
    file = stored(tmp_path)
    assert unpacked(file, Packing()) is file


def test_rows_that_cannot_be_shared_out_are_named(tmp_path: Path):
    file = stored(tmp_path, **{"2.attn.qkv.weight": torch.ones(5, 2)})
    with pytest.raises(ModelUnavailable) as caught:
        unpacked(file, PACKING)
    assert "2.attn.qkv.weight" in caught.value.message
