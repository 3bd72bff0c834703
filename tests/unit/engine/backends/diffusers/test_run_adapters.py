"""Adapters in pixels: on the built-in model, and on replicas against weights merged by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.engine import Engine
from ltxserve.errors import ModelUnavailable
from ltxserve.types import GenerationRequest
from tests import tiny
from tests.replicas.adapters import adapter, layers, low_rank, merged
from tests.replicas.folders import SIDE, catalog_with, small_row, write_row


def frames(*loras: dict[str, Any], **fields: Any) -> tiny.Pixels:
    return tiny.engine().generate(tiny.request(loras=list(loras), **fields)).frames


def away(one: tiny.Pixels, other: tiny.Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_an_adapter_changes_the_clip_and_leaves_no_trace(tmp_path: Path):
    path = low_rank(tmp_path / "mine.safetensors")
    before = frames()
    worn = frames({"name_or_path": path})
    assert away(before, worn) > 1
    assert np.array_equal(frames(), before)
    assert np.array_equal(frames({"name_or_path": path}), worn)
    assert np.array_equal(frames({"name_or_path": path, "strength": 0}), before)


def test_more_strength_changes_more_and_two_change_otherwise(tmp_path: Path):
    one = low_rank(tmp_path / "one.safetensors")
    two = low_rank(tmp_path / "two.safetensors", seed=1)
    before = frames()
    little = frames({"name_or_path": one, "strength": 0.2})
    much = frames({"name_or_path": one})
    assert 0 < away(before, little) < away(before, much)
    both = frames({"name_or_path": one}, {"name_or_path": two})
    assert away(both, much) > 0.5
    turned = frames({"name_or_path": two}, {"name_or_path": one})
    assert away(both, turned) < 0.01  # of adding in another order


def test_low_vram_makes_the_same(tmp_path: Path):
    path = low_rank(tmp_path / "mine.safetensors")
    assert np.array_equal(
        frames({"name_or_path": path}, low_vram=True), frames({"name_or_path": path})
    )


def test_a_file_that_does_not_fit_is_refused_and_the_next_clip_is_as_before(tmp_path: Path):
    before = frames()
    path = tmp_path / "other.safetensors"
    name = "diffusion_model.transformer_blocks.40.attn1.to_q"
    halves = {f"{name}.lora_A.weight": torch.ones(1, 9), f"{name}.lora_B.weight": torch.ones(9, 1)}
    save_file(halves, path)
    diary = tiny.Diary()
    with pytest.raises(ModelUnavailable) as caught:
        tiny.engine().generate(tiny.request(loras=[{"name_or_path": str(path)}]), diary)
    assert caught.value.code == "lora_unsupported"
    assert "other.safetensors" in caught.value.message
    assert "encode_prompt" not in diary.stages
    assert np.array_equal(frames(), before)


def asked(row: ModelSpec, **fields: Any) -> GenerationRequest:
    return GenerationRequest.model_validate(
        {
            "prompt": tiny.PROMPT,
            "model": row.name,
            "width": SIDE,
            "height": SIDE,
            "num_frames": 9,
            "num_inference_steps": 2,
            "seed": 1,
            **fields,
        }
    )


@pytest.mark.parametrize(
    "name", ["ltx-2-19b-distilled", "ltx-2.3-22b-dev", "ltxv-2b-0.9.6-distilled"]
)
def test_a_clip_is_the_one_of_weights_that_were_merged_by_hand(name: str, tmp_path: Path):
    row = small_row(name)
    made = write_row(tmp_path / "plain", row)
    change = adapter(layers(made))
    path = change.save(tmp_path / "change.safetensors")
    write_row(tmp_path / "merged", row)
    merged(made, change, 0.6).save(tmp_path / "merged" / row.repo / row.files[0].path)
    catalog = catalog_with(row)
    with Engine(Placement("cpu", "float32", tmp_path / "plain"), catalog) as engine:
        plain = engine.generate(asked(row))
        worn = engine.generate(asked(row, loras=[{"name_or_path": str(path), "strength": 0.6}]))
        assert np.array_equal(engine.generate(asked(row)).frames, plain.frames)
    with Engine(Placement("cpu", "float32", tmp_path / "merged"), catalog) as engine:
        expected = engine.generate(asked(row))
    error = float(np.square(worn.frames.astype(float) - expected.frames).mean())
    assert error < 255**2 / 10**5  # 50 dB
    assert away(plain.frames, expected.frames) > 1
    if worn.audio is not None:
        assert plain.audio is not None
        assert expected.audio is not None
        close = np.abs(worn.audio.samples - expected.audio.samples).mean()
        # Random vocoders make much of rounding.
        assert close < 0.2 * np.abs(plain.audio.samples - expected.audio.samples).mean()


def test_a_camera_motion_wears_the_row_that_is_made_for_it(tmp_path: Path):
    row = small_row("ltx-2-19b-distilled")
    made = write_row(tmp_path, row)
    catalog = catalog_with(row)
    camera = catalog.lora("camera-dolly-in")
    with Engine(Placement("cpu", "float32", tmp_path), catalog) as engine:
        with pytest.raises(ModelUnavailable) as caught:
            engine.generate(asked(row, camera_motion="dolly_in"))
        assert caught.value.code == "weights_missing"
        assert "models pull camera-dolly-in" in caught.value.hint
        plain = engine.generate(asked(row))
        path = adapter(layers(made)).save(tmp_path / camera.repo / camera.file)
        moved = engine.generate(asked(row, camera_motion="dolly_in"))
        same = engine.generate(asked(row, loras=[{"name_or_path": str(path)}]))
    assert away(plain.frames, moved.frames) > 1
    assert np.array_equal(moved.frames, same.frames)


def test_what_does_not_fit_is_refused_before_the_model_is_loaded(tmp_path: Path):
    row = small_row("ltx-2-19b-distilled")
    write_row(tmp_path, row)
    other = write_row(tmp_path / "other", small_row("ltx-2.3-22b-dev"))
    path = adapter(layers(other)).save(tmp_path / "of_another.safetensors")
    loaded: list[str] = []

    def load(spec: ModelSpec, placement: Placement) -> Any:
        loaded.append(spec.name)
        raise AssertionError("nothing is loaded")

    engine = Engine(Placement("cpu", "float32", tmp_path), catalog_with(row), load)
    with pytest.raises(ModelUnavailable) as caught:
        engine.generate(asked(row, loras=[{"name_or_path": str(path)}]))
    assert caught.value.code == "lora_unsupported"
    assert loaded == []
