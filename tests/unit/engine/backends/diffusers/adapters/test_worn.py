"""With an adapter on, a model computes what it would with the adapter merged; off, as before."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.adapters.file import (
    Adapter,
    Delta,
    open_adapter,
    read_adapter,
)
from ltxserve.engine.backends.diffusers.adapters.layers import PARTS, Layers, Place, live_shapes
from ltxserve.engine.backends.diffusers.adapters.worn import Use, arithmetic, wearing, worn_bytes
from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
from ltxserve.engine.backends.diffusers.reading.fp8 import Fp8Linear
from ltxserve.engine.backends.diffusers.reading.layout import load_layout
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from tests.replicas.adapters import adapter, layers, merged
from tests.replicas.build import Replica, replica, scaled_fp8
from tests.replicas.folders import small_row

CPU = torch.device("cpu")
ROWS = {
    "ltx-2.0-small": "ltx-2-19b-dev",
    "ltx-2.3-small": "ltx-2.3-22b-dev",
    "ltxv-0.9.5-small": "ltxv-2b-0.9.5",
}


@functools.cache
def whole(name: str) -> Replica:
    return replica(name)


@functools.cache
def change(name: str, seed: int) -> Replica:
    return adapter(layers(whole(name)), seed=seed)


def loaded(made: Replica, row: str, folder: Path, kind: torch.dtype = torch.float32) -> Any:
    source = Source("checkpoint", open_tensors(made.save(folder / "base.safetensors")))
    return {
        part.name: assemble(part, [source], Choice(kind))
        for part in load_layout(small_row(row).layout).parts
        if part.name in PARTS
    }


def read(made: Replica, row: str, parts: Any, folder: Path) -> Adapter:
    known = Layers.of(small_row(row), live_shapes(parts))
    return read_adapter(open_adapter(made.save(folder / "adapter.safetensors"), known))


def outputs(parts: Any) -> dict[str, Tensor]:
    """What every linear layer makes of the same random numbers."""
    found: dict[str, Tensor] = {}
    for part, model in parts.items():
        for name, layer in model.named_modules():
            if isinstance(layer, nn.Linear):
                generator = torch.Generator().manual_seed(len(found))
                given = torch.randn(2, 3, layer.in_features, generator=generator)
                found[f"{part}.{name}"] = layer(given.to(arithmetic(model))).float()
    return found


def furthest(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest relative difference of any layer."""
    assert set(one) == set(other)
    return max(float((one[n] - other[n]).norm() / other[n].norm()) for n in one)


@pytest.mark.parametrize("name", ROWS)
def test_every_layer_makes_what_it_makes_with_the_adapter_merged(name: str, tmp_path: Path):
    row, made = ROWS[name], change(name, 1)
    parts = loaded(whole(name), row, tmp_path)
    by_hand = outputs(loaded(merged(whole(name), made, 0.7), row, tmp_path))
    before = outputs(parts)
    with wearing(parts, [Use(read(made, row, parts, tmp_path), 0.7)], CPU):
        worn = outputs(parts)
    assert furthest(worn, by_hand) < 2e-6
    assert min(float((worn[n] - before[n]).norm()) for n in worn) > 0.01
    after = outputs(parts)
    assert all(torch.equal(before[n], after[n]) for n in before)
    assert not any(layer._forward_hooks for p in parts.values() for layer in p.modules())


def test_strengths_scale_and_adapters_add(tmp_path: Path):
    name, row = "ltx-2.0-small", "ltx-2-19b-dev"
    parts = loaded(whole(name), row, tmp_path)
    one, two = (read(change(name, seed), row, parts, tmp_path) for seed in (1, 2))
    plain = outputs(parts)

    def added(*uses: Use) -> dict[str, Tensor]:
        with wearing(parts, uses, CPU):
            return {n: t - plain[n] for n, t in outputs(parts).items()}

    once, twice = added(Use(one, 0.5)), added(Use(one, 1.0))
    assert furthest({n: 2 * t for n, t in once.items()}, twice) < 1e-5
    both, other = added(Use(one, 1.0), Use(two, 0.3)), added(Use(two, 0.3))
    assert furthest({n: twice[n] + other[n] for n in twice}, both) < 1e-5
    nothing = added(Use(one, 0.0))
    assert not any(t.any() for t in nothing.values())


def test_bytes_are_those_of_the_adapters_that_act():
    one, two = Adapter({}, 10), Adapter({}, 7)
    assert worn_bytes([Use(one, 1.0), Use(two, 0.5), Use(two, 0.0)]) == 17
    assert worn_bytes([]) == 0


def test_weights_that_are_kept_in_fp8_stay_so(tmp_path: Path):
    name, row = "ltx-2.0-small", "ltx-2-19b-dev-fp8"
    small = scaled_fp8(whole(name))
    parts = loaded(small, row, tmp_path, torch.bfloat16)
    kept = {
        n: layer.weight.clone()
        for n, layer in parts["transformer"].named_modules()
        if isinstance(layer, Fp8Linear)
    }
    assert kept
    plain = outputs(parts)
    made = read(change(name, 1), row, parts, tmp_path)
    with wearing(parts, [Use(made, 1.0)], CPU):
        worn = outputs(parts)
    for place, delta in made.deltas.items():
        difference = worn[f"{place.part}.{place.name}"] - plain[f"{place.part}.{place.name}"]
        number = list(plain).index(f"{place.part}.{place.name}")
        generator = torch.Generator().manual_seed(number)
        given = torch.randn(2, 3, delta.down.shape[1], generator=generator).to(torch.bfloat16)
        expected = given.float() @ delta.down.float().T @ delta.up.float().T
        assert float((difference - expected).norm() / expected.norm()) < 0.03  # of bfloat16
    for n, weights in kept.items():
        now = parts["transformer"].get_submodule(n).weight
        assert now.dtype == weights.dtype
        assert torch.equal(now.view(torch.uint8), weights.view(torch.uint8))


def test_what_breaks_a_run_leaves_no_adapter_on(tmp_path: Path):
    name, row = "ltxv-0.9.5-small", "ltxv-2b-0.9.5"
    parts = loaded(whole(name), row, tmp_path)
    made = read(change(name, 1), row, parts, tmp_path)
    before = outputs(parts)
    with pytest.raises(RuntimeError, match="broke"), wearing(parts, [Use(made, 1.0)], CPU):
        raise RuntimeError("it broke")
    assert furthest(outputs(parts), before) == 0


@pytest.mark.gpu
def test_on_a_gpu_it_lies_there_while_it_is_worn():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    device, random = torch.device("cuda"), torch.Generator().manual_seed(0)
    part = nn.Sequential(nn.Linear(32, 48)).to(device, torch.bfloat16).requires_grad_(False)
    down, up = (torch.randn(*shape, generator=random) for shape in ((4, 32), (48, 4)))
    worn = Use(Adapter({Place("transformer", "0"): Delta(down, up, 0.5)}, 0), 1.0)
    given = torch.randn(7, 32, generator=random)
    plain = part(given.to(device, torch.bfloat16))
    with wearing({"transformer": part}, [worn], device):
        part(given.to(device, torch.bfloat16))  # libraries take their working memory once
    held = torch.cuda.memory_allocated()
    with wearing({"transformer": part}, [worn], device):
        assert torch.cuda.memory_allocated() > held
        made = part(given.to(device, torch.bfloat16))
    wanted = 0.5 * given @ down.T @ up.T
    assert float(((made - plain).float().cpu() - wanted).norm() / wanted.norm()) < 0.03
    del made
    assert torch.cuda.memory_allocated() == held
