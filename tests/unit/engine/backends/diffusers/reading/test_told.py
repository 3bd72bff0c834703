"""A file's metadata decides sizes; at full size it agrees with the layout."""

import pytest

from ltxserve.engine.backends.diffusers.reading.layout import canonical, load_layout
from ltxserve.engine.backends.diffusers.reading.told import arguments, look_up
from tests.replicas.build import shapes_of
from tests.replicas.configs import ALL

FULL = [name for name in ALL if not name.endswith("-small")]


@pytest.mark.parametrize("name", FULL)
def test_official_metadata_and_layout_agree(name: str):
    shapes = {canonical(n, "checkpoint"): s for n, s in shapes_of(ALL[name]).items()}
    for part in load_layout(name).parts:
        told = arguments(part, ALL[name].metadata, shapes)
        assert {key: told[key] for key in part.config} == part.config, part.name


def test_without_metadata_the_layout_decides():
    for part in load_layout("ltx-2.3").parts:
        assert arguments(part, {}, {}) == part.config


@pytest.mark.parametrize(("tanh", "ending"), [(True, "tanh"), (False, "clamp")])
def test_the_waveform_ends_as_the_file_says(tanh: bool, ending: str):
    vocoder = next(p for p in load_layout("ltx-2.3").parts if p.name == "vocoder")
    told = {"vocoder": {"vocoder": {"use_tanh_at_final": tanh, "use_bias_at_final": False}}}
    made = arguments(vocoder, told, {})
    assert (made["final_act_fn"], made["final_bias"]) == (ending, False)


def test_looking_up():
    assert look_up({"a": {"b": 1}}, "a.b") == 1
    assert look_up({"a": {"b": 1}}, "a.c") is None
    assert look_up({"a": 1}, "a.b") is None
