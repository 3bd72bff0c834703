"""Rows of the vendor's files through the whole engine: found, read, run, or refused with a code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.engine.backends.base import DtypeChoice, Placement
from ltxserve.engine.backends.diffusers.load import find_weights, load_backend
from ltxserve.engine.clip import Clip
from ltxserve.engine.engine import Engine
from ltxserve.errors import ModelUnavailable
from ltxserve.types import GenerationRequest
from tests.replicas import ggufs
from tests.replicas.build import Replica
from tests.replicas.folders import SIDE, catalog_with, small_row, write_row, write_split
from tests.replicas.fp4 import meant, nvfp4
from tests.replicas.int8 import int8
from tests.replicas.int8 import meant as meant_by_int8

PROMPT = "a red ball moves right"


def made_by(root: Path, row: ModelSpec, dtype: DtypeChoice = "float32", **fields: object) -> Clip:
    """A clip of a replica of this row."""
    asked = {"width": SIDE, "height": SIDE, "num_frames": 9, "num_inference_steps": 2, "seed": 1}
    request = GenerationRequest.model_validate(
        {"prompt": PROMPT, "model": row.name, **asked, **fields}
    )
    with Engine(Placement("cpu", dtype, root), catalog_with(row)) as engine:
        return engine.generate(request)


RUNNING = [s.name for s in load_catalog().models.values() if s.runs and not s.weights]
RATES = {"2.0": 24000, "2.3": 48000, "2.5": 48000}


@pytest.mark.parametrize("name", RUNNING)
def test_a_replica_of_every_row_that_runs_makes_a_clip(name: str, tmp_path: Path):
    row = small_row(name)
    write_row(tmp_path, row)
    clip = made_by(tmp_path, row)
    assert clip.frames.shape == (9, SIDE, SIDE, 3)
    assert clip.frames.std() > 1
    if row.family == "ltx-video":
        assert clip.audio is None
        return
    assert clip.audio is not None
    assert clip.audio.sample_rate == RATES[row.version]
    assert np.isfinite(clip.audio.samples).all()


def test_a_multi_scale_model_cannot_do_without_its_upscaler(tmp_path: Path):
    row = small_row("ltxv-2b-0.9.8-distilled")
    write_row(tmp_path, row)
    (tmp_path / row.repo / row.files[1].path).unlink()
    with pytest.raises(ModelUnavailable) as caught:
        load_backend(row, Placement("cpu", models_dir=tmp_path))
    assert caught.value.code == "weights_missing"
    assert row.files[1].path in caught.value.message


def test_scaled_fp8_makes_nearly_the_same_clip(tmp_path: Path):
    large, small = small_row("ltx-2-19b-distilled"), small_row("ltx-2-19b-distilled-fp8")
    write_row(tmp_path / "large", large)
    write_row(tmp_path / "small", small)
    clips = [made_by(tmp_path / "large", large), made_by(tmp_path / "small", small)]
    away = np.abs(clips[0].frames.astype(int) - clips[1].frames).mean()
    assert 0 < away < 2  # of rounding; scales left out give 60
    other = made_by(tmp_path / "large", large, seed=2)
    assert np.abs(clips[0].frames.astype(int) - other.frames).mean() > 10


def test_nvfp4_makes_the_clip_of_the_numbers_it_stands_for(tmp_path: Path):
    large, small = small_row("ltx-2-19b-dev"), small_row("ltx-2-19b-dev-fp4")
    write_row(tmp_path / "small", small)
    whole = write_row(tmp_path / "large", large)
    Replica(meant(nvfp4(whole)), whole.metadata).save(
        tmp_path / "large" / large.repo / large.files[0].path
    )
    clips = [made_by(tmp_path / "large", large), made_by(tmp_path / "small", small)]
    assert np.abs(clips[0].frames.astype(int) - clips[1].frames).max() <= 1


def test_int8_makes_the_clip_of_the_numbers_it_stands_for(tmp_path: Path):
    large, small = small_row("ltx-2.5-22b-distilled"), small_row("ltx-2.5-22b-distilled-int8")
    write_row(tmp_path / "small", small)
    whole = write_row(tmp_path / "large", large)
    write_split(tmp_path / "large", large, Replica(meant_by_int8(int8(whole)), whole.metadata))
    clips = [made_by(tmp_path / "large", large), made_by(tmp_path / "small", small)]
    assert np.abs(clips[0].frames.astype(int) - clips[1].frames).max() <= 1


@pytest.mark.parametrize(
    ("large", "small"),
    [
        ("ltxv-2b-0.9.6-dev", "ltxv-2b-0.9.6-dev-gguf"),
        ("ltx-2.3-22b-distilled-1.1", "ltx-2.3-22b-distilled-1.1-gguf"),
    ],
)
def test_gguf_makes_the_clip_of_the_numbers_it_stands_for(large: str, small: str, tmp_path: Path):
    rows = small_row(large), small_row(small)
    write_row(tmp_path / small, rows[1])
    whole = write_row(tmp_path / large, rows[0])
    ggufs.meant(whole).save(tmp_path / large / rows[0].repo / rows[0].files[0].path)
    clips = [made_by(tmp_path / row.name, row) for row in rows]
    assert np.abs(clips[0].frames.astype(int) - clips[1].frames).max() <= 1


def test_in_half_precision_too(tmp_path: Path):
    names = ("ltx-2.3-22b-distilled-fp8", "ltxv-2b-0.9.8-distilled-fp8")
    for name in (
        *names,
        "ltx-2-19b-dev-fp4",
        "ltx-2.5-22b-dev-int8",
        "ltxv-2b-0.9.6-distilled-gguf",
    ):
        row = small_row(name)
        write_row(tmp_path, row)
        clip = made_by(tmp_path, row, dtype="bfloat16")
        assert clip.frames.std() > 1
        assert clip.audio is None or np.isfinite(clip.audio.samples).all()


@pytest.mark.parametrize("name", ["ltx-2-19b-distilled", "ltx-2.3-22b-distilled"])
def test_the_side_that_a_tokenizers_file_names_changes_nothing(name: str, tmp_path: Path):
    row = small_row(name)
    clips: list[Clip] = []
    for side in ("left", "right"):
        write_row(tmp_path / side, row)
        told = tmp_path / side / row.text_encoder.repo / "tokenizer_config.json"
        told.write_text(json.dumps({**json.loads(told.read_text()), "padding_side": side}))
        clips.append(made_by(tmp_path / side, row))
    assert np.array_equal(clips[0].frames, clips[1].frames)


def test_missing_files_are_named_with_what_brings_them(tmp_path: Path):
    row = small_row("ltx-2-19b-dev")
    with pytest.raises(ModelUnavailable) as caught:
        load_backend(row, Placement("cpu", models_dir=tmp_path))
    assert caught.value.code == "weights_missing"
    assert row.files[0].path in caught.value.message
    assert "ltxserve models pull ltx-2-19b-dev" in caught.value.hint


def test_what_may_be_downloaded_needs_its_licence(tmp_path: Path):
    placement = Placement("cpu", models_dir=tmp_path, download=True)
    with pytest.raises(ModelUnavailable) as caught:
        find_weights(small_row("ltx-2-19b-dev"), placement)
    assert caught.value.code == "licence_not_accepted"


@pytest.mark.parametrize("cut", [100, -1])
@pytest.mark.parametrize("name", ["ltx-2-19b-dev", "ltx-2-19b-dev-gguf"])
def test_a_truncated_checkpoint_is_named(tmp_path: Path, name: str, cut: int):
    row = small_row(name)
    write_row(tmp_path, row)
    file = tmp_path / row.repo / row.files[0].path
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(ModelUnavailable) as caught:
        load_backend(row, Placement("cpu", models_dir=tmp_path))
    assert caught.value.code == "weights_corrupt"
    assert file.name in caught.value.message
    assert "cut short" in caught.value.message


def test_a_diffusers_folder_makes_the_clip_of_the_files_it_was_made_of(tmp_path: Path):
    row = small_row("ltx-2-19b-distilled")
    write_row(tmp_path / "files", row)
    folder = tmp_path / "folders" / row.diffusers_repo
    backend: Any = load_backend(row, Placement("cpu", "float32", tmp_path / "files"))
    backend.pipeline.save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    assert index["vocoder"][1] == "LTX2Vocoder"
    ours, theirs = made_by(tmp_path / "files", row), made_by(tmp_path / "folders", row)
    assert np.array_equal(ours.frames, theirs.frames)


def test_upsamplers_lie_in_a_diffusers_folder_or_beside_it_as_the_vendors_files(tmp_path: Path):
    row = small_row("ltx-2-19b-distilled")
    write_row(tmp_path / "files", row)
    asked: dict[str, Any] = {"upscale": {"spatial": True, "temporal": True}}
    asked |= {"width": 2 * SIDE, "height": 2 * SIDE, "num_frames": 17}
    wanted = made_by(tmp_path / "files", row, **asked)
    backend: Any = load_backend(row, Placement("cpu", "float32", tmp_path / "files"))
    for root in ("folders", "beside"):
        backend.pipeline.save_pretrained(tmp_path / root / row.diffusers_repo)
    with pytest.raises(ModelUnavailable) as caught:
        made_by(tmp_path / "folders", row, **asked)
    assert caught.value.code == "weights_missing"
    for name, module in backend.upsamplers.modules.items():
        module.save_pretrained(tmp_path / "folders" / row.diffusers_repo / name)
    for file in row.files[1:]:
        place = tmp_path / "beside" / row.repo / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(tmp_path / "files" / row.repo / file.path)
    for root in ("folders", "beside"):
        assert np.array_equal(made_by(tmp_path / root, row, **asked).frames, wanted.frames), root
