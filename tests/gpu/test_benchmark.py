"""The benchmark for GPUs compares what it says it does; on small models, on any machine."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.engine.gpu import ROWS, as_it_comes, compare, requests
from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.diffusers.attention import NAMES, attend_by
from ltxserve.engine.plan import plan
from tests.gpu.models import Bench, Case, small


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def test_engine_and_diffusers_make_the_same_clip_in_turns(bench: Bench):
    case = Case("ltx-2-19b-distilled-fp8", 1280, 704, False, upscaled=True)
    found = compare(bench.engine(case), case.request(), 1, small(case.row))
    assert found.plain is not None
    assert (found.engine.count, found.plain.count) == (1, 1)
    assert found.engine.median > 0
    assert found.plain.median > 0
    assert 0 < found.floor < found.engine.median
    assert found.measured.model in found.line()


def test_ltx_video_is_measured_without_a_comparison(bench: Bench):
    case = Case("ltxv-2b-0.9.8-distilled", 1216, 704, False)
    found = compare(bench.engine(case), case.request(), 1, small(case.row))
    assert found.plain is None
    assert "diffusers" not in found.line()


def test_diffusers_attends_as_it_comes(bench: Bench):
    case = Case("ltx-2-19b-distilled-fp8", 1280, 704, False, upscaled=True)
    backend: Any = bench.engine(case).backend(case.model)
    transformer = backend.pipeline.transformer
    attend_by(transformer, "cudnn")
    layer: Any = transformer.transformer_blocks[0].attn1

    def chosen() -> Any:
        return layer.processor._attention_backend

    with as_it_comes(transformer):
        assert chosen() is None
    assert chosen().value == NAMES["cudnn"]
    attend_by(transformer, "sdpa")


def test_all_that_is_measured_can_be_planned():
    catalog = load_catalog()
    made = [plan(request, catalog) for request in requests(ROWS)]
    assert len(made) == sum(len(sizes) for _, sizes in ROWS)
    assert all([stage.steps for stage in each.passes][-1] == 3 for each in made)
