"""Adapters are compared with a model before it is loaded: by headers, in whatever form it is."""

from pathlib import Path

import pytest
import torch

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.check import check_files
from ltxserve.engine.loras import PlannedLora
from ltxserve.errors import ModelUnavailable
from tests.replicas.adapters import CAMERA, adapter, layers
from tests.replicas.build import Replica
from tests.replicas.folders import small_row, write_row


def check(path: Path, row: ModelSpec, root: Path) -> None:
    lora = PlannedLora(path.name, 1.0, path=str(path))
    check_files([lora], row, Placement("cpu", models_dir=root), lambda lora: Path(lora.path))


@pytest.mark.parametrize("name", ["ltx-2-19b-dev-fp8", "ltx-2.5-22b-distilled", "ltxv-2b-0.9.5"])
def test_files_of_the_vendor(name: str, tmp_path: Path):
    row = small_row(name)
    made = write_row(tmp_path, row)
    place = tmp_path / "adapter.safetensors"
    check(adapter(layers(made, *CAMERA)).save(place), row, tmp_path)
    shapes = {layer: (large + 1, small) for layer, (large, small) in layers(made, *CAMERA).items()}
    with pytest.raises(ModelUnavailable) as caught:
        check(adapter(shapes).save(place), row, tmp_path)
    assert caught.value.code == "lora_unsupported"
    assert name in caught.value.message


def test_no_weights_are_read(tmp_path: Path):
    row = small_row("ltx-2-19b-distilled")
    made = write_row(tmp_path, row)
    good = adapter(layers(made, *CAMERA)).save(tmp_path / "good.safetensors")
    checkpoint = tmp_path / row.repo / row.files[0].path
    content = checkpoint.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    checkpoint.write_bytes(content[:start] + bytes([255]) * (len(content) - start))
    check(good, row, tmp_path)


def test_the_model_in_the_box(tmp_path: Path):
    row = load_catalog().model("tiny")
    name, width = "diffusion_model.transformer_blocks.0.attn1.to_q", row.architecture.width
    tensors = {f"{name}.lora_A.weight": torch.ones(1, width)}
    tensors[f"{name}.lora_B.weight"] = torch.ones(width, 1)
    check(Replica(tensors, {}).save(tmp_path / "a.safetensors"), row, tmp_path)
    other = Replica({n.replace("to_q", "to_x"): t for n, t in tensors.items()}, {})
    with pytest.raises(ModelUnavailable) as caught:
        check(other.save(tmp_path / "b.safetensors"), row, tmp_path)
    assert "b.safetensors" in caught.value.message


def test_a_model_that_is_not_here_is_said_first(tmp_path: Path):
    row = small_row("ltx-2-19b-dev")
    with pytest.raises(ModelUnavailable) as caught:
        check(tmp_path / "none.safetensors", row, tmp_path)
    assert caught.value.code == "weights_missing"
    assert "ltx-2-19b-dev" in caught.value.message
