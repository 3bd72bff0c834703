"""Every layer of every model has the names that adapters' files give it, and no other has them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.diffusers.adapters.layers import (
    PARTS,
    Layers,
    Place,
    file_shapes,
    folder_shapes,
    live_shapes,
)
from ltxserve.engine.backends.diffusers.load import weights_folder
from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
from ltxserve.engine.backends.diffusers.reading.ggufs import GgufLinear, open_gguf
from ltxserve.engine.backends.diffusers.reading.layout import load_layout
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from tests import tiny
from tests.replicas.adapters import comfy, kohya, layers, official
from tests.replicas.build import Replica, replica, scaled_fp8
from tests.replicas.folders import small_row
from tests.replicas.fp4 import nvfp4
from tests.replicas.ggufs import write_gguf
from tests.replicas.int8 import int8

ROWS = {
    "ltx-2.0-small": "ltx-2-19b-dev",
    "ltx-2.3-small": "ltx-2.3-22b-dev",
    "ltx-2.5-small": "ltx-2.5-22b-dev",
    "ltxv-0.9.5-small": "ltxv-13b-0.9.8-distilled",
}


def opened(made: Replica, folder: Path) -> Source:
    return Source("checkpoint", open_tensors(made.save(folder / "checkpoint.safetensors")))


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("form", [None, scaled_fp8, nvfp4, int8])
def test_headers_and_loaded_models_have_the_same_layers(
    name: str, form: Callable[[Replica], Replica] | None, tmp_path: Path
):
    row = small_row(ROWS[name])
    source = opened(form(replica(name)) if form else replica(name), tmp_path)
    parts = {
        part.name: assemble(part, [source], Choice(torch.float32))
        for part in load_layout(row.layout).parts
        if part.name in PARTS
    }
    found = file_shapes(row, [source])
    assert found == live_shapes(parts)
    assert len(found) > 20


def test_a_gguf_has_the_same_layers(tmp_path: Path):
    row, made = small_row("ltxv-2b-0.9.6-dev-gguf"), replica("ltxv-0.9.5-small")
    source = Source("transformer", open_gguf(write_gguf(made, tmp_path / "t.gguf")))
    part = load_layout(row.layout).parts[0]
    parts = {part.name: assemble(part, [source], Choice(torch.float32))}
    assert file_shapes(row, [source]) == live_shapes(parts)
    assert any(isinstance(layer, GgufLinear) for layer in parts["transformer"].modules())


@pytest.mark.parametrize("name", ROWS)
def test_every_official_name_is_a_layer_and_no_two_are_one(name: str, tmp_path: Path):
    row = small_row(ROWS[name])
    made = replica(name)
    known = Layers.of(row, file_shapes(row, [opened(made, tmp_path)]))
    theirs = layers(made)
    for named in (official, comfy, kohya):
        heads = {layer: named(layer, "A").rpartition(".lora_")[0] for layer in theirs}
        places = {layer: known.spellings[head] for layer, head in heads.items()}
        assert {layer: known.shapes[place] for layer, place in places.items()} == theirs
        assert set(places.values()) == set(known.shapes)
        assert len(set(places.values())) == len(theirs)


def test_the_form_of_diffusers_is_known(tmp_path: Path):
    row = small_row("ltx-2.3-22b-dev")
    known = Layers.of(row, file_shapes(row, [opened(replica("ltx-2.3-small"), tmp_path)]))
    expected = {
        "transformer.proj_in": Place("transformer", "proj_in"),
        "diffusion_model.patchify_proj": Place("transformer", "proj_in"),
        "diffusion_model.adaln_single.linear": Place("transformer", "time_embed.linear"),
        "diffusion_model.audio_prompt_adaln_single.linear": Place(
            "transformer", "audio_prompt_adaln.linear"
        ),
        "connectors.video_text_proj_in": Place("connectors", "video_text_proj_in"),
        "text_embedding_projection.video_aggregate_embed": Place(
            "connectors", "video_text_proj_in"
        ),
        "diffusion_model.text_embedding_projection.audio_aggregate_embed": Place(
            "connectors", "audio_text_proj_in"
        ),
    }
    assert {name: known.spellings[name] for name in expected} == expected
    assert "vae.encoder.conv_in" not in known.spellings


def test_the_built_in_model_takes_official_names():
    row = load_catalog().model("tiny")
    folder = weights_folder(row)
    found = folder_shapes({part: folder / part for part in PARTS})
    assert found == live_shapes(tiny.backend().pipeline.components)
    known = Layers.of(row, found)
    place = known.spellings["diffusion_model.transformer_blocks.0.attn1.to_k"]
    assert place == Place("transformer", "transformer_blocks.0.attn1.to_k")
