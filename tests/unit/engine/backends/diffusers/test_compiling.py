"""Compiled blocks: the same frames, compiled once for all blocks, and set aside for adapters.

What torch.compile hands to its compiler is counted here and run as it is: the wiring is what is
tested. Inductor's own code, and graphs, are for `make gpu`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch._inductor.runtime.cache_dir_utils import cache_dir, default_cache_dir

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.compiling import (
    CACHE_KEY,
    RECOMPILES,
    Blocks,
    compile_blocks,
    keep_compiled,
)
from ltxserve.engine.backends.tuning import Tuning
from ltxserve.engine.engine import Engine
from ltxserve.errors import ModelUnavailable
from tests import tiny

CPU = torch.device("cpu")


class Counting:
    """A compiler for torch.compile that counts what it is given and how often that runs."""

    def __init__(self) -> None:
        self.compiled = 0
        self.called = 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: Any) -> Callable[..., Any]:
        del inputs
        self.compiled += 1

        def run(*args: Any) -> Any:
            self.called += 1
            return graph.forward(*args)

        return run


@pytest.fixture
def compiler() -> Iterator[Counting]:
    torch.compiler.reset()
    yield Counting()
    torch.compiler.reset()


def test_the_same_frames_by_one_compiled_block(compiler: Counting, tmp_path: Path):
    request = tiny.request()
    wanted = tiny.engine().generate(request).frames
    tuning = Tuning(compiles="blocks", compiler=compiler, cache=tmp_path)
    with Engine(Placement("cpu", tuning=tuning)) as engine:
        made = engine.generate(request).frames
        backend: Any = engine.backend("tiny")
        blocks = len(backend.pipeline.transformer.transformer_blocks)
        engine.generate(request)
    assert np.array_equal(made, wanted)
    assert compiler.compiled == 1  # for all blocks, and for the second run
    assert compiler.called == 2 * blocks * request_steps()


def request_steps() -> int:
    return tiny.planned().num_inference_steps


@torch.inference_mode()
def test_blocks_with_hooks_run_as_they_are_written(compiler: Counting):
    """torch.compile would not see an adapter that is put on later, and act as if it were not."""

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 4)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return self.layer(values) + 1

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList([Block(), Block()])

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                values = block(values)
            return values

    model, values = Model(), torch.randn(2, 4)
    for block in model.blocks:
        block.compile(backend=compiler)
    blocks = Blocks(model)
    model.register_forward_pre_hook(blocks)
    plain = model(values)
    assert (len(blocks), compiler.called) == (2, 2)

    first: Any = model.blocks[0]
    worn = first.layer.register_forward_hook(lambda layer, given, made: made + 5)
    changed = model(values)
    assert not blocks.used
    assert not torch.allclose(changed, plain)
    worn.remove()
    assert torch.allclose(model(values), plain)
    assert blocks.used
    assert (compiler.compiled, compiler.called) == (1, 4)


def test_nothing_is_compiled_unless_asked(tmp_path: Path):
    assert compile_blocks(torch.nn.Linear(2, 2), Tuning(), CPU, tmp_path) is None


def test_graphs_are_refused_without_a_gpu(tmp_path: Path):
    tuning = Tuning(compiles="graphs", cache=tmp_path)
    engine = Engine(Placement("cpu", tuning=tuning))
    with pytest.raises(ModelUnavailable, match="CUDA graphs need a CUDA GPU") as caught:
        engine.backend("tiny")
    assert caught.value.code == "backend_missing"
    assert "LTXSERVE_COMPILE" in caught.value.hint


def test_as_many_sizes_as_are_declared_stay_compiled(compiler: Counting, tmp_path: Path):
    """PyTorch's own limit is eight; what is beyond it runs as it was, without a word."""
    transformer: Any = tiny.backend().pipeline.transformer
    before = torch._dynamo.config.recompile_limit
    made = compile_blocks(transformer, Tuning(compiles="blocks", compiler=compiler), CPU, tmp_path)
    try:
        assert made is not None
        assert len(made) == len(transformer.transformer_blocks)
        assert torch._dynamo.config.recompile_limit >= RECOMPILES
    finally:
        torch._dynamo.config.recompile_limit = before
        transformer._forward_pre_hooks.clear()
        for block in transformer.transformer_blocks:
            block._compiled_call_impl = None


@pytest.mark.parametrize("before", [None, default_cache_dir()])
def test_what_was_compiled_is_kept_where_it_should_be(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Inductor names its own place in the environment as soon as it is imported."""
    monkeypatch.setenv(CACHE_KEY, before or "")
    if before is None:
        monkeypatch.delenv(CACHE_KEY)
    keep_compiled(tmp_path)
    assert Path(cache_dir()) == tmp_path


def test_a_place_that_somebody_named_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(CACHE_KEY, str(tmp_path / "own"))
    keep_compiled(tmp_path)
    assert Path(cache_dir()) == tmp_path / "own"


@pytest.mark.gpu
@pytest.mark.parametrize("compiles", ["blocks", "graphs"])
def test_on_a_gpu_compiled_frames_look_the_same(compiles: Any, tmp_path: Path):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    request = tiny.request(num_inference_steps=4)
    with Engine(Placement("cuda")) as engine:
        wanted = engine.generate(request).frames
    tuning = Tuning(compiles=compiles, cache=tmp_path, warm_up=((128, 128, 9),))
    with Engine(Placement("cuda", tuning=tuning)) as engine:
        made = [engine.generate(request).frames for _ in range(3)]
    for frames in made:
        assert np.abs(frames.astype(int) - wanted).mean() < 1
    assert any(tmp_path.iterdir())
