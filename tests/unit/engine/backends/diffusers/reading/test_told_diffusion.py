"""Parts that came with LTX-2.5, at full size: names and shapes of the vendor's classes fit ours."""

import importlib
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import init_empty_weights

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
from ltxserve.engine.backends.diffusers.reading.layout import PartLayout, canonical, load_layout
from ltxserve.engine.backends.diffusers.reading.packed import unpacked
from ltxserve.engine.backends.diffusers.reading.tensors import Entry, TensorFile, open_tensors
from ltxserve.engine.backends.diffusers.reading.told import arguments
from ltxserve.engine.backends.diffusers.reading.told_diffusion import decoder_arguments
from ltxserve.errors import ModelUnavailable
from tests.replicas.build import Replica, shapes_of
from tests.replicas.parts import PARTS, part

LAYOUT = load_layout("ltx-2.5-diffusion")
VAE = next(part for part in LAYOUT.parts if part.name == "vae")
HEAD = next(part for part in LAYOUT.extras if part.name == "duration_head")
ROLES = {"diffusion-vae": VAE, "duration-head": HEAD}


def layout_of(name: str) -> PartLayout:
    return next(layout for kind, layout in ROLES.items() if kind in name)


def seen(name: str) -> TensorFile:
    """The file of a replica as it is unpacked, without its numbers."""
    entries = {n: Entry(n, torch.bfloat16, s, 0, 0) for n, s in shapes_of(PARTS[name]).items()}
    return unpacked(TensorFile(Path("x"), entries, {}), layout_of(name).packing)


@pytest.mark.parametrize("name", PARTS)
def test_every_official_tensor_has_its_place(name: str):
    layout = layout_of(name)
    module, _, kind = layout.kind.partition(":")
    with init_empty_weights():
        made = getattr(importlib.import_module(module), kind).from_config(
            arguments(layout, PARTS[name].metadata, {})
        )
    ours = {n: tuple(t.shape) for n, t in made.state_dict().items()}
    theirs = {
        layout.own_name(canonical(n, layout.roles[-1])): e.shape
        for n, e in seen(name).entries.items()
    }
    assert theirs == ours


@pytest.mark.parametrize("name", [name for name in PARTS if not name.endswith("-small")])
def test_the_layout_alone_says_the_full_size(name: str):
    layout = layout_of(name)
    told = arguments(layout, PARTS[name].metadata, {})
    wanted = arguments(layout, {}, {})
    told["diffusion"], wanted["diffusion"] = (
        {k: _lists(v) for k, v in table.get("diffusion", {}).items()} for table in (told, wanted)
    )
    assert {name: told[name] for name in wanted} == wanted


def test_full_sizes_come_near_the_published_bytes():
    row = load_catalog().model("ltx-2.5-22b-distilled-diffusion-vae")
    published = {file.role: file.bytes for file in row.files}
    for name, role in (
        ("ltx-2.5-diffusion-vae", "vae"),
        ("ltx-2.5-duration-head", "duration_head"),
    ):
        numbers = sum(math.prod(shape) for shape in shapes_of(PARTS[name]).values())
        size = published[role]
        assert size is not None
        assert any(abs(numbers * each / size - 1) < 0.25 for each in (2, 4))


def test_what_a_file_does_not_say_stays_the_layouts():
    known = dict(VAE.config["diffusion"])
    assert decoder_arguments({}, known) == known
    flat = decoder_arguments({"na_head_dim": 32, "head_dim": 16, "t_emb_dim": 8}, known)
    assert (flat["decoder_head_dim"], flat["decoder_t_emb_dim"]) == (16, 8)
    assert flat["decoder_stage_channels"] == known["decoder_stage_channels"]


def opened(made: Replica, folder: Path) -> Source:
    return Source("vae", open_tensors(made.save(folder / "vae.safetensors")))


def test_the_vendors_preview_head_is_left_out_and_all_else_is_not(tmp_path: Path):
    small = part("ltx-2.5-diffusion-vae-small")
    more = {"vae.decoder.coarse_out.weight": torch.zeros(2, 2)}
    whole = Replica({**small.tensors, **more}, small.metadata)
    made: Any = assemble(VAE, [opened(whole, tmp_path)], Choice(torch.float32))
    assert made.decoder.config.decoder_stage_channels == [64, 32, 16, 16, 16]
    extra = {"vae.decoder.surprise": torch.zeros(2)}
    with pytest.raises(ModelUnavailable) as caught:
        wrong = Replica({**small.tensors, **extra}, small.metadata)
        assemble(VAE, [opened(wrong, tmp_path)], Choice(torch.float32))
    assert "vae.decoder.surprise" in caught.value.message


def test_gates_are_folded_into_the_layers_they_act_on(tmp_path: Path):
    small = part("ltx-2.5-diffusion-vae-small", torch.float32)
    made: Any = assemble(VAE, [opened(small, tmp_path)], Choice(torch.float32))
    root = "vae.decoder.diff_blocks.1"
    gate = small.tensors[f"{root}.gate_mlp"]
    wanted = small.tensors[f"{root}.mlp.w_down.weight"] * gate[:, None]
    assert torch.allclose(made.decoder.decoder.diff_blocks[1].mlp.w_down.weight, wanted)


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value
