"""Rows of the catalog from replicas of their files: all parts of the right classes."""

import dataclasses
from pathlib import Path

import pytest
import torch

from ltxserve.catalog.weights.needs import locate
from ltxserve.catalog.weights.places import Places
from ltxserve.engine.backends.diffusers.reading.assemble import Choice
from ltxserve.engine.backends.diffusers.reading.layout import PREFIX
from ltxserve.engine.backends.diffusers.reading.parts import (
    open_file,
    open_sources,
    part_names,
    read_parts,
    read_text,
    scheduler_of,
)
from ltxserve.errors import ModelUnavailable
from tests.replicas.build import Replica, replica, upscaler
from tests.replicas.folders import small_row, write_row
from tests.replicas.ggufs import write_gguf

CLASSES = {
    "transformer": "LTX2VideoTransformer3DModel",
    "connectors": "LTX2TextConnectors",
    "vae": "AutoencoderKLLTX2Video",
    "audio_vae": "AutoencoderKLLTX2Audio",
    "vocoder": "LTX2Vocoder",
    "text_encoder": "Gemma3ForConditionalGeneration",
    "tokenizer": "TokenizersBackend",
    "scheduler": "FlowMatchEulerDiscreteScheduler",
    "latent_upsampler": "LTX2LatentUpsamplerModel",
    "temporal_latent_upsampler": "LTX2LatentUpsamplerModel",
}
LTXV = {
    "transformer": "LTXVideoTransformer3DModel",
    "vae": "AutoencoderKLLTXVideo",
    "latent_upsampler": "LTXLatentUpsamplerModel",
    "text_encoder": "T5EncoderModel",
    "tokenizer": "T5Tokenizer",
    "scheduler": "FlowMatchEulerDiscreteScheduler",
}
ROWS = {
    "ltx-2-19b-dev": CLASSES,
    "ltx-2.3-22b-dev-fp8": {**CLASSES, "vocoder": "LTX2VocoderWithBWE"},
    "ltxv-2b-0.9.8-distilled-fp8": LTXV,
    "ltx-2-19b-dev-gguf": CLASSES,
}


def places(root: Path) -> Places:
    return Places(explicit=root, volumes=(), home=root, caches=())


@pytest.mark.parametrize("name", ROWS)
def test_every_part_is_of_its_class(name: str, tmp_path: Path):
    row = small_row(name)
    write_row(tmp_path, row)
    parts = read_parts(row, locate(row, places(tmp_path)), Choice(torch.float32))
    assert {part: type(made).__name__ for part, made in parts.items()} == ROWS[name]
    assert set(part_names(row)) < set(parts)


def test_guided_rows_can_skip_attention(tmp_path: Path):
    row = small_row("ltx-2-19b-dev")
    write_row(tmp_path, row)
    located = locate(row, places(tmp_path))
    guided = read_parts(row, located, Choice(torch.float32))["transformer"]
    distilled = dataclasses.replace(row, supports=dataclasses.replace(row.supports, stg=False))
    plain = read_parts(distilled, located, Choice(torch.float32))["transformer"]
    processors = {type(m.processor).__name__ for m in guided.modules() if hasattr(m, "processor")}
    others = {type(m.processor).__name__ for m in plain.modules() if hasattr(m, "processor")}
    assert processors != others


def test_vocoders_compute_in_float32_whatever_the_rest_does(tmp_path: Path):
    row = small_row("ltx-2-19b-dev")
    write_row(tmp_path, row)
    parts = read_parts(row, locate(row, places(tmp_path)), Choice(torch.bfloat16))
    assert parts["vocoder"].dtype == torch.float32
    assert parts["transformer"].dtype == parts["vae"].dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["ltx-2.0-temporal-upscaler-small", "x1.5"])
def test_a_spatial_upscaler_doubles_the_size_and_nothing_else(name: str, tmp_path: Path):
    row = small_row("ltx-2.3-22b-dev")
    write_row(tmp_path, row)
    file = next(file for file in row.files if file.role == "spatial_upscaler")
    if name == "x1.5":  # three times the size, and then half of that
        whole = upscaler("ltx-2.0-upscaler-small")
        conv = {n: t.repeat(9, *[1] * (t.ndim - 1))[:288] for n, t in whole.tensors.items()}
        kept = {
            n: conv[n] if n.startswith("upsampler.conv") else t for n, t in whole.tensors.items()
        }
        Replica(kept, whole.metadata).save(tmp_path / row.repo / file.path)
    else:
        upscaler(name).save(tmp_path / row.repo / file.path)
    with pytest.raises(ModelUnavailable) as caught:
        read_parts(row, locate(row, places(tmp_path)), Choice(torch.float32))
    assert caught.value.code == "weights_corrupt"
    assert file.path in caught.value.message


def test_upscalers_are_not_read_with_the_pipeline(tmp_path: Path):
    row = small_row("ltx-2-19b-dev")
    write_row(tmp_path, row)
    (tmp_path / row.repo / row.files[1].path).write_bytes(b"not read")
    assert [s.role for s in open_sources(locate(row, places(tmp_path)))] == ["checkpoint"]


def test_files_are_opened_by_their_suffix(tmp_path: Path):
    made = replica("ltxv-0.9.5-small")
    files = [
        open_file(made.save(tmp_path / "a.safetensors")),
        open_file(write_gguf(made, tmp_path / "a.gguf")),
    ]
    assert {name.removeprefix(PREFIX) for name in files[0].entries} > set(files[1].entries)


def test_schedulers():
    dev, distilled = scheduler_of(small_row("ltx-2-19b-dev")), scheduler_of(small_row("ltx-2-fast"))
    assert (dev.config.use_dynamic_shifting, dev.config.shift_terminal) == (True, 0.1)
    assert dev.config.base_shift == dev.config.max_shift == 2.05  # whatever the clip's size
    assert not distilled.config.use_dynamic_shifting
    assert not distilled.config.shift_terminal
    assert not scheduler_of(small_row("ltxv-2b-0.9.5")).config.shift_terminal


def test_an_encoder_that_cannot_be_read_is_said(tmp_path: Path):
    row = small_row("ltx-2.5-22b-distilled-int8")
    with pytest.raises(ModelUnavailable) as caught:
        read_text(row, locate(row, places(tmp_path)), Choice(torch.float32))
    assert caught.value.code == "backend_missing"
    assert "--diffusers" in caught.value.hint
