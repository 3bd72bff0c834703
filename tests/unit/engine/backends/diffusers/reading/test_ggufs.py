"""GGUF: what is read is what the format's own package reads, exactly; broken files are named."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf.quants import dequantize, quantize
from torch import nn

from ltxserve.engine.backends.diffusers.reading.ggufs import READ, GgufLinear, large, open_gguf
from ltxserve.engine.backends.diffusers.reading.layout import canonical
from ltxserve.errors import ModelUnavailable
from tests.replicas.build import MODEL, Replica, replica
from tests.replicas.ggufs import Kind, meant, write_gguf

CPU = torch.device("cpu")


def stored(kind: str, rows: int = 8, columns: int = 512) -> np.ndarray:
    """Bytes of a matrix of this kind: of random numbers, or where nothing writes it, random."""
    chance = np.random.default_rng(0)
    try:
        return quantize(chance.normal(size=(rows, columns)).astype(np.float32), Kind[kind])
    except NotImplementedError:
        count, size = gguf.GGML_QUANT_SIZES[Kind[kind]]
        return chance.integers(0, 256, (rows, columns // count * size), dtype=np.uint8)


@pytest.mark.parametrize("kind", sorted(READ))
def test_every_number_is_exactly_that_of_the_formats_own_package(kind: str):
    data = stored(kind)
    made = large(torch.from_numpy(data), kind, torch.float32).numpy()
    wanted = dequantize(data, Kind[kind])
    assert made.shape == wanted.shape == (8, 512)
    assert np.array_equal(made, wanted, equal_nan=True)


def test_the_usual_kinds_are_read():
    assert {"Q3_K", "Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0"} <= READ


@pytest.mark.parametrize("bias", [True, False])
def test_it_computes_as_its_large_weights_do(bias: bool):
    data = stored("Q4_0", 48, 64)
    made = GgufLinear.of(nn.Linear(64, 48, bias).requires_grad_(False), "Q4_0")
    assert made.weight.shape == data.shape
    made.weight = nn.Parameter(torch.from_numpy(data), False)
    if bias:
        made.bias = nn.Parameter(torch.randn(48), False)
    wanted = torch.from_numpy(dequantize(data, Kind.Q4_0))
    inputs = torch.randn(2, 5, 64)
    assert torch.allclose(made(inputs), nn.functional.linear(inputs, wanted, made.bias), atol=1e-5)
    assert made(inputs.to(torch.bfloat16)).dtype == torch.bfloat16
    assert isinstance(made, nn.Linear)  # adapters look for this class
    made.take_scales({}, CPU)
    with pytest.raises(ValueError, match="weight_scale"):
        made.take_scales({"weight_scale": torch.ones(())}, CPU)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", sorted(READ))
def test_a_gpu_makes_the_same_numbers_of_it(kind: str):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    data = stored(kind)
    made = large(torch.from_numpy(data).cuda(), kind, torch.float32).cpu().numpy()
    assert np.array_equal(made, dequantize(data, Kind[kind]), equal_nan=True)


@pytest.fixture(scope="module")
def small() -> Replica:
    return replica("ltxv-0.9.5-small")


@pytest.mark.parametrize("prefix", ["", MODEL], ids=["bare", "with the vendor's prefix"])
def test_entries_say_where_the_numbers_lie(small: Replica, prefix: str, tmp_path: Path):
    file = open_gguf(write_gguf(small, tmp_path / "t.gguf", prefix=prefix))
    official = small.part(MODEL).tensors
    assert {canonical(name, "transformer") for name in file.entries} == {
        canonical(name, "checkpoint") for name in official
    }
    assert file.config == json.loads(small.metadata["config"])
    named = {name: MODEL + name.removeprefix(MODEL) for name in file.entries}
    assert all(e.shape == tuple(official[named[n]].shape) for n, e in file.entries.items())
    kinds = {entry.packed for entry in file.entries.values()}
    assert kinds == {"", "Q8_0"}
    wanted = meant(small).tensors
    for name, tensor in file.read(file.entries):
        entry = file.entries[name]
        own = large(tensor, entry.packed, torch.float32) if entry.packed else tensor.float()
        assert torch.equal(own, wanted[named[name]].float()), name


@pytest.mark.parametrize("cut", [0, 3, 40, 4000, -1])
def test_a_file_that_is_cut_short_is_named(small: Replica, tmp_path: Path, cut: int):
    path = write_gguf(small, tmp_path / "t.gguf")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelUnavailable) as caught:
        open_gguf(path)
    assert caught.value.code == "weights_corrupt"
    assert "t.gguf" in caught.value.message


def test_what_is_no_gguf_is_refused(tmp_path: Path):
    path = tmp_path / "t.gguf"
    path.write_bytes(b"no model at all" * 100)
    with pytest.raises(ModelUnavailable, match="no GGUF"):
        open_gguf(path)
    with pytest.raises(ModelUnavailable) as caught:
        open_gguf(tmp_path / "absent.gguf")
    assert caught.value.code == "weights_missing"


def test_kinds_that_cannot_be_read_are_named(tmp_path: Path):
    writer = gguf.GGUFWriter(tmp_path / "t.gguf", "ltxv")
    writer.add_tensor("a.weight", np.zeros((4, 54), np.uint8), raw_dtype=Kind.TQ1_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelUnavailable, match=r"a\.weight is TQ1_0"):
        open_gguf(tmp_path / "t.gguf")
