"""Which attention is chosen for which device, what is refused and why, and where it is set."""

import dataclasses
from typing import Any

import pytest
import torch

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.attention import (
    NAMES,
    UNMASKED,
    Place,
    against,
    attend_by,
    choose_attention,
)
from ltxserve.engine.backends.tuning import Tuning
from ltxserve.engine.engine import Engine
from ltxserve.errors import ModelUnavailable

HALF = torch.bfloat16


def transformer_of(engine: Engine) -> Any:
    """The built-in model's, of an engine of its own: it is changed."""
    backend: Any = engine.backend("tiny")
    return backend.pipeline.transformer


def gpu(major: int, minor: int = 0, absent: str = "") -> Place:
    """A GPU of a generation; absent: the one whose package is not installed."""

    def missing(name: str) -> str:
        return "install its package." if absent and name == NAMES[absent] else ""

    return Place("cuda", HALF, (major, minor), missing)


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        (Place("cpu", torch.float32), "sdpa"),
        (Place("mps", torch.float16), "sdpa"),
        (gpu(8), "sdpa"),
        (gpu(8, 9), "sdpa"),
        (gpu(9), "flash3"),
        (gpu(9, absent="flash3"), "cudnn"),
        (gpu(10), "cudnn"),
        (gpu(12), "cudnn"),
        (dataclasses.replace(gpu(9), dtype=torch.float32), "sdpa"),
    ],
)
def test_the_quickest_that_is_here(place: Place, wanted: str):
    assert choose_attention("auto", place) == wanted


@pytest.mark.parametrize(
    ("name", "place", "reason"),
    [
        ("flash3", Place("cpu", HALF), "CUDA GPU"),
        ("cudnn", Place("mps", HALF), "CUDA GPU"),
        ("flash3", gpu(8), "Hopper"),
        ("flash3", gpu(10), "Hopper"),
        ("flash3", gpu(9, absent="flash3"), "install its package"),
        ("sage", gpu(9, absent="sage"), "install its package"),
        ("cudnn", gpu(7, 5), "Ampere"),
        ("cudnn", dataclasses.replace(gpu(9), dtype=torch.float32), "bfloat16"),
    ],
)
def test_what_cannot_run_is_refused_with_its_reason(name: Any, place: Place, reason: str):
    with pytest.raises(ModelUnavailable, match=reason) as caught:
        choose_attention(name, place)
    assert caught.value.code == "backend_missing"
    assert "auto" in caught.value.hint


@pytest.mark.parametrize("name", ["sdpa", "cudnn", "sage"])
def test_what_can_run_is_taken_as_asked(name: Any):
    assert choose_attention(name, gpu(9)) == name


def test_a_package_that_is_not_installed_is_named():
    assert "flash" in against("flash3", Place("cuda", HALF, (9, 0))).lower()


def test_a_model_is_refused_for_an_attention_that_cannot_run():
    engine = Engine(Placement("cpu", tuning=Tuning(attention="cudnn")))
    with pytest.raises(ModelUnavailable, match="CUDA GPU"):
        engine.backend("tiny")


def test_only_attention_without_masks_is_changed():
    """All of picture and sound of the built-in model; what attends to texts stays as it was."""
    with Engine(Placement("cpu")) as engine:
        transformer = transformer_of(engine)
        blocks = len(transformer.transformer_blocks)
        assert attend_by(transformer, "cudnn") == blocks * len(UNMASKED)
        chosen = {
            name.rpartition(".")[2]: module.processor._attention_backend
            for name, module in transformer.named_modules()
            if hasattr(module, "processor")
        }
        assert {name for name, kind in chosen.items() if kind is not None} == set(UNMASKED)
        assert {kind.value for kind in chosen.values() if kind is not None} == {"_native_cudnn"}


@pytest.mark.gpu
@pytest.mark.parametrize("name", list(NAMES))
def test_on_a_gpu_all_attend_alike(name: str):
    """One layer of each kind, in bfloat16, against SDPA; those that cannot run are skipped."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    device = torch.device("cuda")
    place = Place.of(device, HALF)
    if against(name, place):
        pytest.skip(against(name, place))
    with Engine(Placement("cpu")) as engine:
        transformer = transformer_of(engine)
        layer = transformer.transformer_blocks[0].attn1.to(device, HALF)
        tokens = torch.randn(1, 200, layer.to_q.in_features, device=device, dtype=HALF)
        with torch.inference_mode():
            wanted = layer(tokens)
            layer.set_attention_backend(NAMES[name])
            made = layer(tokens)
    error = (made - wanted).float().norm() / wanted.float().norm()
    assert error < (0.1 if name == "sage" else 0.02)
