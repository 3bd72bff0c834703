"""Puts the fitted parts together as a diffusers folder, in half precision, with a hash per file.

It knows how the model is shipped, not how it is fitted.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

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
    draft = folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    parts = {
        "transformer": fitted.net.transformer,
        "connectors": fitted.net.connectors,
        "text_encoder": fitted.net.text_encoder,
        "vae": fitted.vae,
        "audio_vae": fitted.audio_vae,
        "vocoder": fitted.vocoder,
    }
    for name, part in parts.items():
        half = copy.deepcopy(part).to(torch.float16)  # the caller's weights stay exact
        half.save_pretrained(draft / name, max_shard_size=FILE_LIMIT)
    for path in draft.rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes them for the owner alone
    build_tokenizer().save_pretrained(draft / "tokenizer")
    build_scheduler().save_pretrained(draft / "scheduler")
    (draft / "model_index.json").write_text(json.dumps(INDEX, indent=2) + "\n", encoding="utf-8")
    write_hashes(draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def write_hashes(folder: Path) -> None:
    """SHA-256 of every file, in the format of sha256sum."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != HASHES
    ]
    (folder / HASHES).write_text("\n".join(lines) + "\n", encoding="utf-8")
