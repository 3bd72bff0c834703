"""Replicas of the vendor's files in diffusers' classes: each number in its place, or a refusal."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
from ltxserve.engine.backends.diffusers.reading.fp4 import Fp4Linear
from ltxserve.engine.backends.diffusers.reading.fp8 import Fp8Linear
from ltxserve.engine.backends.diffusers.reading.int8 import Int8Linear
from ltxserve.engine.backends.diffusers.reading.layout import PartLayout, canonical, load_layout
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from ltxserve.errors import ModelUnavailable
from tests.replicas.build import MODEL, Replica, plain_fp8, replica, scaled_fp8
from tests.replicas.fp4 import decode, nvfp4
from tests.replicas.int8 import int8, meant

SMALL = ["ltx-2.0-small", "ltx-2.3-small", "ltx-2.5-small", "ltxv-0.9.5-small"]
FLOAT = Choice(torch.float32)


@functools.cache
def whole(name: str) -> Replica:
    return replica(name)


def part_of(name: str, part: str) -> PartLayout:
    layout = load_layout(name.removesuffix("-small"))
    return next(p for p in layout.parts if p.name == part)


def opened(made: Replica, folder: Path, role: str = "checkpoint", **told: str) -> Source:
    return Source(role, open_tensors(made.save(folder / f"{role}.safetensors", **told)))


def values(made: Replica, part: PartLayout) -> dict[str, Tensor]:
    """The official tensors of a part, by our names."""
    named = {part.own_name(canonical(n, "checkpoint")): t for n, t in made.tensors.items()}
    return {name: tensor for name, tensor in named.items() if name is not None}


def refusal(part: PartLayout, *sources: Source) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        assemble(part, sources, FLOAT)
    assert caught.value.code == "weights_corrupt"
    return caught.value.message


@pytest.mark.parametrize("name", SMALL)
def test_every_number_lands_in_its_place(name: str, tmp_path: Path):
    source = opened(whole(name), tmp_path)
    for part in load_layout(name.removesuffix("-small")).parts:
        model = assemble(part, [source], FLOAT)
        ours, theirs = model.state_dict(), values(whole(name), part)
        assert set(ours) == set(theirs)
        assert all(torch.equal(ours[n], t.float()) for n, t in theirs.items()), part.name
        assert not model.training
        assert not any(p.requires_grad or p.is_meta for p in model.parameters())


def test_scaled_fp8_stays_small_and_means_the_same(tmp_path: Path):
    made = scaled_fp8(whole("ltx-2.0-small"))
    part = part_of("ltx-2.0-small", "transformer")
    model = assemble(part, [opened(made, tmp_path)], Choice(torch.bfloat16))
    kept = {n: m for n, m in model.named_modules() if isinstance(m, Fp8Linear)}
    assert kept
    assert all(n.startswith("transformer_blocks.1.") for n in kept)
    assert model.get_submodule("proj_in").weight.dtype == torch.bfloat16
    for name, module in kept.items():
        official = values(whole("ltx-2.0-small"), part)[f"{name}.weight"].float()
        assert module.weight.dtype == torch.float8_e4m3fn
        assert module.input_scale.item() == pytest.approx(0.1)
        error = (module.large_weight(torch.float32) - official).norm() / official.norm()
        assert error < 0.04  # of rounding to three bits of mantissa


@pytest.mark.parametrize("marked", [False, True], ids=["vendor's", "with ComfyUI's notes"])
def test_nvfp4_stays_packed_and_means_what_the_format_says(marked: bool, tmp_path: Path):
    made = nvfp4(whole("ltx-2.5-small"), marked)
    part = part_of("ltx-2.5-small", "transformer")
    model = assemble(part, [opened(made.part(MODEL), tmp_path)], Choice(torch.bfloat16))
    official = values(made, part)
    kept = {n: m for n, m in model.named_modules() if isinstance(m, Fp4Linear)}
    assert len(kept) == 28  # of one block, as many as the vendor's files have in each
    for name, module in kept.items():
        packed, tiled, scale = (official[f"{name}.weight{w}"] for w in ("", "_scale", "_scale_2"))
        wanted = decode(packed.numpy(), tiled.view(torch.uint8).numpy(), np.float32(scale))
        assert torch.equal(module.large_weight(torch.float32), torch.from_numpy(wanted)), name


@pytest.mark.parametrize("in_metadata", [False, True], ids=["beside", "in the metadata"])
def test_int8_stays_small_and_is_turned_back(in_metadata: bool, tmp_path: Path):
    original = whole("ltx-2.5-small")
    made = int8(original, in_metadata)
    part = part_of("ltx-2.5-small", "transformer")
    model = assemble(part, [opened(made.part(MODEL), tmp_path)], Choice(torch.bfloat16))
    wanted = values(Replica(meant(made), made.metadata), part)
    kept = {n: m for n, m in model.named_modules() if isinstance(m, Int8Linear)}
    assert len(kept) == 28
    assert all(module.group for module in kept.values())
    for name, module in kept.items():
        large = module.large_weight(torch.float32)
        assert torch.allclose(large, wanted[f"{name}.weight"], atol=1e-6), name
        own = values(original, part)[f"{name}.weight"].float()
        assert (large - own).norm() / own.norm() < 0.02  # of rounding to seven bits and a sign


def test_fp8_without_scales_is_read_too(tmp_path: Path):
    made = plain_fp8(whole("ltxv-0.9.5-small"))
    part = part_of("ltxv-0.9.5-small", "transformer")
    model = assemble(part, [opened(made, tmp_path)], FLOAT)
    kept = [m for m in model.modules() if isinstance(m, Fp8Linear)]
    assert kept
    assert all(m.weight_scale.item() == 1 for m in kept)
    tables = [p for n, p in model.named_parameters() if "scale_shift_table" in n]
    assert all(table.dtype == torch.float32 for table in tables)


def test_fp8_outside_the_blocks_is_made_large(tmp_path: Path):
    name = f"{MODEL}patchify_proj"
    small = whole("ltx-2.0-small")
    scale = small.tensors[f"{name}.weight"].float().abs().max() / 448
    tensors = {
        **small.tensors,
        f"{name}.weight": (small.tensors[f"{name}.weight"].float() / scale).to(torch.float8_e4m3fn),
        f"{name}.scale_weight": scale,
        "scaled_fp8": torch.zeros(2),
    }
    part = part_of("ltx-2.0-small", "transformer")
    model = assemble(part, [opened(Replica(tensors, small.metadata), tmp_path)], FLOAT)
    layer = model.get_submodule("proj_in")
    assert type(layer) is nn.Linear
    assert torch.allclose(
        layer.weight, small.tensors[f"{name}.weight"].float(), rtol=0.1, atol=0.02
    )


def test_split_files(tmp_path: Path):
    made = whole("ltx-2.5-small")
    bare = Replica(
        {n.removeprefix("vae."): t for n, t in made.part("vae.").tensors.items()}, made.metadata
    )
    sources = [
        opened(made.part(MODEL), tmp_path, "transformer"),
        opened(bare, tmp_path, "vae"),
        opened(made.part("audio_vae.", "vocoder."), tmp_path, "audio_vae"),
        opened(made.part("text_embedding_projection."), tmp_path, "text_encoder"),
    ]
    for part in load_layout("ltx-2.5").parts:
        model = assemble(part, sources, FLOAT)
        assert set(model.state_dict()) == set(values(made, part))


def test_a_lacking_weight_is_named(tmp_path: Path):
    small = whole("ltx-2.0-small")
    tensors = dict(small.tensors)
    del tensors[f"{MODEL}proj_out.bias"]
    told = refusal(
        part_of("ltx-2.0-small", "transformer"), opened(Replica(tensors, small.metadata), tmp_path)
    )
    assert "lacks 1 weights of the transformer: proj_out.bias" in told
    assert "checkpoint.safetensors" in told


def test_a_weight_too_many_is_named(tmp_path: Path):
    small = whole("ltx-2.0-small")
    tensors = {**small.tensors, "vae.decoder.surprise": torch.zeros(1)}
    told = refusal(
        part_of("ltx-2.0-small", "vae"), opened(Replica(tensors, small.metadata), tmp_path)
    )
    assert "1 weights the vae has not: vae.decoder.surprise" in told


def test_another_shape_is_named_even_of_as_many_numbers(tmp_path: Path):
    small = whole("ltx-2.0-small")
    name = f"{MODEL}patchify_proj.weight"
    turned = small.tensors[name].t().contiguous()
    tensors = {**small.tensors, name: turned}
    told = refusal(
        part_of("ltx-2.0-small", "transformer"), opened(Replica(tensors, small.metadata), tmp_path)
    )
    assert "[32, 128]" in told
    assert "wants [128, 32]" in told


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int64])
def test_whole_numbers_in_place_of_weights_are_named(tmp_path: Path, kind: torch.dtype):
    """Of a kind of quantization that is not read: cast, they would make noise."""
    small = whole("ltx-2.0-small")
    name = f"{MODEL}patchify_proj.weight"
    tensors = {**small.tensors, name: small.tensors[name].to(kind)}
    part = part_of("ltx-2.0-small", "transformer")
    told = refusal(part, opened(Replica(tensors, small.metadata), tmp_path))
    assert f"{name} as {str(kind).removeprefix('torch.')}" in told


def test_a_file_of_another_version_is_refused(tmp_path: Path):
    source = opened(whole("ltx-2.3-small"), tmp_path)
    assert "weights" in refusal(part_of("ltx-2.0-small", "transformer"), source)


def test_a_file_of_another_size_than_it_says_is_refused(tmp_path: Path):
    config = json.dumps({"transformer": {"num_layers": 3}})
    source = opened(whole("ltxv-0.9.5-small"), tmp_path, config=config)
    assert "lacks" in refusal(part_of("ltxv-0.9.5-small", "transformer"), source)


def test_a_file_without_the_part_is_refused(tmp_path: Path):
    source = opened(whole("ltx-2.0-small").part(MODEL), tmp_path)
    assert "checkpoint.safetensors holds no vae" in refusal(part_of("ltx-2.0-small", "vae"), source)
    assert "no file holds no vae" in refusal(part_of("ltx-2.0-small", "vae"))


def test_scales_of_an_odd_size_are_refused(tmp_path: Path):
    made = scaled_fp8(whole("ltx-2.0-small"))
    name = next(n for n in made.tensors if n.endswith(".weight_scale"))
    tensors = {**made.tensors, name: torch.ones(3)}
    told = refusal(
        part_of("ltx-2.0-small", "transformer"), opened(Replica(tensors, made.metadata), tmp_path)
    )
    assert "3 numbers" in told
