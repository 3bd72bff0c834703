"""Loading: every part is there and whole, or the error says which is not."""

import dataclasses
import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.load import PARTS, load_backend, weights_folder
from ltxserve.engine.backends.diffusers.run import DiffusersBackend
from ltxserve.errors import ModelUnavailable
from tests.tiny import SPEC, backend

Damage = Callable[[Path], object]


def copy_of_the_model(folder: Path) -> Path:
    """The model's folder with links for files, so that damaging one harms nobody."""
    source = weights_folder(SPEC)
    for file in source.rglob("*"):
        if file.is_file():
            place = folder / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)
    return folder


def own(path: Path) -> Path:
    """The file itself in place of the link to it."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    return path


def load(folder: Path) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        load_backend(dataclasses.replace(SPEC, weights=str(folder)), Placement("cpu"))
    return caught.value


def truncate(folder: Path) -> None:
    file = own(folder / "transformer" / "diffusion_pytorch_model.safetensors")
    file.write_bytes(file.read_bytes()[:1000])


def pointer_instead_of_weights(folder: Path) -> None:
    file = own(folder / "connectors" / "diffusion_pytorch_model.safetensors")
    file.write_text("version https://git-lfs.github.com/spec/v1\n")


def drop_a_weight(folder: Path) -> None:
    file = own(folder / "connectors" / "diffusion_pytorch_model.safetensors")
    weights = load_file(file)
    weights.pop(sorted(weights)[0])
    save_file(weights, file, metadata={"format": "pt"})


def drop_a_weight_of_the_text(folder: Path) -> None:
    file = own(folder / "text_encoder" / "model.safetensors")
    weights = load_file(file)
    weights.pop(next(name for name in weights if "mlp" in name))
    save_file(weights, file, metadata={"format": "pt"})


def wrong_shape(folder: Path) -> None:
    config = own(folder / "vocoder" / "config.json")
    config.write_text(json.dumps({**json.loads(config.read_text()), "hidden_channels": 64}))


DAMAGES: dict[str, Damage] = {
    "transformer": truncate,
    "connectors": pointer_instead_of_weights,
    "connectors ": drop_a_weight,
    "text_encoder": drop_a_weight_of_the_text,
    "vocoder": wrong_shape,
    "vae": lambda f: (f / "vae" / "config.json").unlink(),
    "audio_vae": lambda f: (f / "audio_vae" / "diffusion_pytorch_model.safetensors").unlink(),
    "scheduler": lambda f: own(f / "scheduler" / "scheduler_config.json").write_text("{"),
    "tokenizer": lambda f: own(f / "tokenizer" / "tokenizer.json").write_text("{"),
}


@pytest.mark.parametrize("part", DAMAGES)
def test_a_damaged_part_is_named(tmp_path: Path, part: str):
    folder = copy_of_the_model(tmp_path / "tiny")
    DAMAGES[part](folder)
    error = load(folder)
    assert error.code == "weights_corrupt"
    assert error.message.startswith(f"{part.strip()} cannot be loaded: ")
    assert "\n" not in error.message


def test_absent_parts_are_named(tmp_path: Path):
    folder = copy_of_the_model(tmp_path / "tiny")
    shutil.rmtree(folder / "vocoder")
    error = load(folder)
    assert error.code == "weights_missing"
    assert "vocoder" in error.message
    assert load(tmp_path / "nowhere").code == "weights_missing"


def test_a_device_that_is_not_here_is_refused_before_loading():
    if torch.backends.mps.is_available():
        pytest.skip("this machine has an Apple GPU")
    with pytest.raises(ModelUnavailable) as caught:
        load_backend(SPEC, Placement("mps"))
    assert caught.value.code == "backend_missing"


def test_every_part_is_of_the_real_class():
    for part in PARTS:
        kind = getattr(importlib.import_module(part.module), part.name)
        assert isinstance(getattr(backend().pipeline, part.folder), kind)


def test_weights_have_the_arithmetic_of_the_device():
    pipeline = backend().pipeline
    parts = [getattr(pipeline, part.folder) for part in PARTS if part.weights]
    assert {part.dtype for part in parts} == {torch.float32}
    assert not any(part.training for part in parts)


def test_the_catalogs_row_says_what_the_weights_are():
    transformer, row = backend().pipeline.transformer.config, SPEC.architecture
    assert row.layers == transformer.num_layers
    assert row.width == transformer.num_attention_heads * transformer.attention_head_dim
    assert SPEC.text_encoder.max_tokens == backend().pipeline.tokenizer.model_max_length


def test_a_model_loaded_in_inference_mode_works_outside():
    with torch.inference_mode():
        loaded = load_backend(SPEC, Placement())
    assert isinstance(loaded, DiffusersBackend)
    text = loaded.pipeline.text_encoder
    tensors = [*text.parameters(), *text.buffers()]
    assert tensors
    assert not any(tensor.is_inference() for tensor in tensors)
    assert text(torch.ones(1, 4, dtype=torch.long)).logits.isfinite().all()
