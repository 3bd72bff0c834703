"""The assembled folder: small files, true hashes, half precision, and it loads back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from diffusers import LTX2ConditionPipeline
from safetensors import safe_open

from ltxserve.training.tiny.assemble import HASHES, INDEX, Fitted, assemble, write_hashes

MIB = 2**20


@pytest.fixture(scope="module")
def folder(unfitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("model") / "tiny"
    target.mkdir()
    (target / "left-over.txt").write_text("from an earlier model")
    assemble(unfitted, target)
    return target


def files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def listed(folder: Path) -> dict[str, str]:
    """path -> hash, as the list says."""
    lines = (folder / HASHES).read_text(encoding="utf-8").splitlines()
    return {name: value for value, name in (line.split("  ", 1) for line in lines)}


def test_no_file_is_over_16_mib_and_all_are_under_40(folder: Path) -> None:
    sizes = {path.relative_to(folder): path.stat().st_size for path in files(folder)}
    assert max(sizes.values()) <= 16 * MIB, sizes
    assert sum(sizes.values()) <= 40 * MIB


def test_every_file_is_listed_with_its_hash(folder: Path) -> None:
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files(folder)
        if path.name != HASHES
    }
    assert listed(folder) == found
    assert "model_index.json" in found


def test_every_part_of_the_index_has_its_folder(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    parts = {name for name in index if not name.startswith("_")}
    assert index == INDEX
    assert {path.name for path in folder.iterdir() if path.is_dir()} == parts


def test_weights_are_half_precision_and_readable_by_all(folder: Path) -> None:
    weights = sorted(folder.rglob("*.safetensors"))
    assert len(weights) >= 6
    for path in weights:
        assert path.stat().st_mode & 0o777 == 0o644
        with safe_open(path, "pt") as stored:
            kinds = {stored.get_slice(key).get_dtype() for key in stored.keys()}  # noqa: SIM118
        assert kinds == {"F16"}, path.name


def test_what_lay_there_is_replaced_and_no_draft_is_left(folder: Path) -> None:
    assert not (folder / "left-over.txt").exists()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_it_loads_back_with_the_weights_that_went_in(folder: Path, unfitted: Fitted) -> None:
    pipe = LTX2ConditionPipeline.from_pretrained(str(folder), local_files_only=True)
    pairs = [
        (pipe.vae, unfitted.vae),
        (pipe.audio_vae, unfitted.audio_vae),
        (pipe.vocoder, unfitted.vocoder),
        (pipe.text_encoder, unfitted.net.text_encoder),
        (pipe.connectors, unfitted.net.connectors),
        (pipe.transformer, unfitted.net.transformer),
    ]
    for loaded, put in pairs:
        again = loaded.state_dict()
        for key, value in put.state_dict().items():
            assert torch.equal(again[key].half(), value.half()), key
    assert pipe.tokenizer("a red ball").input_ids[0] == 1
    assert pipe.tokenizer.padding_side == "left"


def test_a_changed_byte_no_longer_matches(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "part.bin"
    path.write_bytes(b"weights")
    write_hashes(tmp_path)
    write_hashes(tmp_path)  # the list does not list itself
    assert listed(tmp_path) == {"sub/part.bin": hashlib.sha256(b"weights").hexdigest()}
    path.write_bytes(b"weightz")
    assert listed(tmp_path)["sub/part.bin"] != hashlib.sha256(path.read_bytes()).hexdigest()
