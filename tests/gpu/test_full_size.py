"""Every size of model makes clips of the sizes that people ask for, where the plan says it fits.

Weights are random and made on the device. On a GPU (`make gpu`) models are of full size; the same
code runs small ones on any machine, so that it is known to work before a GPU is at hand. In order
of size, so that what was cut short has still measured something: `out/full-size.json`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.engine.full import keep, measure
from ltxserve.catalog import load_catalog
from ltxserve.engine.plan import plan
from ltxserve.media.probe import probe
from tests.gpu.models import Bench, Case

WITHIN = 0.15
MODELS = (
    ("ltxv-2b-0.9.8-distilled", False),
    ("ltxv-13b-0.9.8-distilled-fp8", False),
    ("ltxv-13b-0.9.8-distilled", False),
    ("ltx-2-19b-distilled-fp8", True),
    ("ltx-2-19b-distilled", True),
    ("ltx-2.3-22b-distilled-fp8", True),
    ("ltx-2.3-22b-distilled-1.1", True),
    ("ltx-2.5-22b-distilled", True),
)
SIZES = ((1216, 704), (1280, 704), (1920, 1088))


ALSO_SMALL = (MODELS[0], MODELS[3], MODELS[7])
"""One of each family, one in fp8: that the code works is known by them."""


def cases(full: bool) -> Iterator[Case]:
    for model, upscaled in MODELS if full else ALSO_SMALL:
        for width, height in SIZES if full else SIZES[1:2]:
            yield Case(model, width, height, full, upscaled=upscaled)


ALL = [
    pytest.param(case, id=case.name, marks=[pytest.mark.gpu] if case.full else [])
    for full in (False, True)
    for case in cases(full)
]


def test_the_full_sizes_are_ones_that_plans_allow():
    catalog = load_catalog()
    for case in cases(full=True):
        made = plan(case.request(), catalog)
        assert (made.deliver.width, made.deliver.height) == (case.width, case.height)
        assert made.memory.peak < 120 * 2**30


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@pytest.mark.parametrize("case", ALL)
def test_it_fits_where_the_plan_says(
    case: Case, bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    if case.full and case.device.type != "cuda":
        pytest.skip("needs a CUDA GPU")
    engine = bench.engine(case)
    measure(engine, case.request(num_frames=9), tmp_path / "warm.mp4")
    made = measure(engine, case.request(), path := tmp_path / "clip.mp4")
    shape = engine.plan(case.request()).deliver
    found = probe(path)
    assert found.video is not None
    assert (found.video.width, found.video.height) == (shape.width, shape.height)
    assert found.video.num_frames == shape.num_frames
    assert (found.audio is not None) == case.upscaled  # LTX-Video makes no sound
    assert made.finite
    assert not [word for word in made.warnings if "Memory ran out" in word]
    assert made.stages["denoise"] > 0
    if case.full:
        with capsys.disabled():
            sys.stdout.write(f"\n  {made.line()}\n")
        keep([made])
        assert made.peak < torch.cuda.get_device_properties(0).total_memory
        assert abs(made.off) < WITHIN, made.line()
