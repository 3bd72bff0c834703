"""Puts the fitted parts together as a diffusers folder, in half precision, with a hash per file.

It knows how the model is shipped, not how it is fitted.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLLTX2Audio, AutoencoderKLLTX2Video
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

from ltxserve.training.tiny.model import build_scheduler, build_tokenizer
from ltxserve.training.tiny.net import Net

FILE_LIMIT = "15MB"  # of one weight file; the package promises 16 MiB
HASHES = "SHA256SUMS"
INDEX = {
    "_class_name": "LTX2ConditionPipeline",
    "audio_vae": ["diffusers", "AutoencoderKLLTX2Audio"],
    "connectors": ["ltx2", "LTX2TextConnectors"],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "Gemma3ForConditionalGeneration"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "transformer": ["diffusers", "LTX2VideoTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLLTX2Video"],
    "vocoder": ["ltx2", "LTX2Vocoder"],
}


@dataclass(frozen=True)
class Fitted:
    """Every fitted part."""

    vae: AutoencoderKLLTX2Video
    audio_vae: AutoencoderKLLTX2Audio
    vocoder: LTX2Vocoder
    net: Net


def assemble(fitted: Fitted, folder: Path) -> None:
    """Write the model to a folder, replacing what was there."""
    parts = {
        "transformer": fitted.net.transformer,
        "connectors": fitted.net.connectors,
        "text_encoder": fitted.net.text_encoder,
        "vae": fitted.vae,
        "audio_vae": fitted.audio_vae,
        "vocoder": fitted.vocoder,
    }
    with whole_folder(folder) as draft:
        for name, part in parts.items():
            save_half(part, draft / name)
        build_tokenizer().save_pretrained(draft / "tokenizer")
        build_scheduler().save_pretrained(draft / "scheduler")
        index = json.dumps(INDEX, indent=2) + "\n"
        (draft / "model_index.json").write_text(index, encoding="utf-8")
        write_hashes(draft)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A place to write a folder to, which replaces the one there when all of it is written."""
    draft = folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    yield draft
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def save_half(part: Any, folder: Path) -> None:
    """Write a part in half precision; the caller's weights stay exact."""
    half = copy.deepcopy(part).to(torch.float16)
    half.save_pretrained(folder, max_shard_size=FILE_LIMIT)
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes them for the owner alone


def write_hashes(folder: Path) -> None:
    """SHA-256 of every file, in the format of sha256sum."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != HASHES
    ]
    (folder / HASHES).write_text("\n".join(lines) + "\n", encoding="utf-8")
