"""Layouts against what was recorded of the vendor's classes: every name and shape, at full size."""

import importlib

import pytest
from accelerate import init_empty_weights

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.diffusers.reading.layout import (
    canonical,
    layout_names,
    load_layout,
)
from ltxserve.engine.backends.diffusers.reading.told import arguments
from ltxserve.errors import ConfigurationError
from tests.replicas.build import shapes_of
from tests.replicas.configs import ALL, UPSCALERS, Config


def test_every_row_has_a_layout():
    rows = [spec for spec in load_catalog().models.values() if not spec.weights]
    assert {spec.layout for spec in rows} == set(layout_names())


@pytest.mark.parametrize("name", ALL)
def test_every_official_tensor_has_its_place(name: str):
    layout = load_layout(name.removesuffix("-small"))
    official = {canonical(n, "checkpoint"): s for n, s in shapes_of(ALL[name]).items()}
    used: set[str] = set()
    for part in layout.parts:
        module, _, kind = part.kind.partition(":")
        config = arguments(part, ALL[name].metadata, official)
        with init_empty_weights():
            made = getattr(importlib.import_module(module), kind).from_config(config)
        ours = {n: tuple(t.shape) for n, t in made.state_dict().items()}
        theirs = {}
        for official_name, shape in official.items():
            own = part.own_name(official_name)
            if own is not None:
                assert own not in theirs, "two tensors of one name"
                theirs[own] = shape
                used.add(official_name)
        assert theirs == ours, part.name
    assert used == set(official)


@pytest.mark.parametrize("config", UPSCALERS.values(), ids=lambda config: config.name)
def test_upscalers_keep_the_vendors_names(config: Config):
    family, _, kind = config.name.removesuffix("-small").partition("-")
    layout = "ltxv-0.9.5" if family == "ltxv" else f"ltx-{kind.partition('-')[0]}"
    in_time = "temporal" in config.name
    part = load_layout(layout).extras[1 if in_time else 0]
    official = shapes_of(config)
    module, _, name = part.kind.partition(":")
    with init_empty_weights():
        made = getattr(importlib.import_module(module), name).from_config(
            arguments(part, config.metadata, official)
        )
    ours = {n: tuple(t.shape) for n, t in made.state_dict().items()}
    assert {part.own_name(n): s for n, s in official.items()} == ours
    assert (part.name, part.roles) == (
        ("temporal_latent_upsampler", ("temporal_upscaler",))
        if in_time
        else ("latent_upsampler", ("spatial_upscaler",))
    )


def test_split_files_have_the_names_of_the_monolith():
    assert canonical("model.diffusion_model.proj_out.bias", "transformer") == "proj_out.bias"
    assert canonical("proj_out.bias", "transformer") == "proj_out.bias"
    assert canonical("decoder.conv_in.conv.bias", "vae") == "vae.decoder.conv_in.conv.bias"
    assert canonical("vae.decoder.x", "vae") == "vae.decoder.x"
    assert canonical("audio_vae.decoder.x", "audio_vae") == "audio_vae.decoder.x"


def test_whole_words_are_renamed():
    part = next(p for p in load_layout("ltx-2.3").parts if p.name == "transformer")
    assert (
        part.own_name("audio_prompt_adaln_single.linear.bias") == "audio_prompt_adaln.linear.bias"
    )
    assert part.own_name("adaln_single.linear.bias") == "time_embed.linear.bias"
    assert part.own_name("vae.decoder.x") is None


def test_an_unknown_layout_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        load_layout("ltx-9")
    assert caught.value.code == "catalog_invalid"
