"""Sample sheets: the pipeline runs on weights that are being fitted and a sheet comes out."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.latents import Encoders
from ltxserve.training.tiny.model import build_audio_vae, build_vae
from ltxserve.training.tiny.net import Net
from ltxserve.training.tiny.sampling import PROMPTS, SHOWN, sheet_sampler
from ltxserve.training.tiny.words import split_words, vocabulary


def test_a_sheet_has_a_row_for_each_prompt(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoders = Encoders(build_vae().eval(), build_audio_vae().eval(), "cpu")
    sheet_sampler(encoders, Canvas(64, 64, 9))(Net().eval(), tmp_path / "samples" / "s.png")
    with Image.open(tmp_path / "samples" / "s.png") as sheet:
        assert sheet.size == (64 * SHOWN, 64 * len(PROMPTS))


def test_the_prompts_use_known_words() -> None:
    known = set(vocabulary())
    assert all(word in known for prompt in PROMPTS for word in split_words(prompt))
