"""LTX-2.5's diffusion decoder in the place of the convolutional one, with a replica's weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.decode import Window, decode_chunks
from ltxserve.engine.backends.diffusers.diffusion_vae import DiffusionVae
from ltxserve.engine.backends.diffusers.neighbourhood import Neighbourhood
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request, plan
from ltxserve.engine.plan.memory import DECODERS
from ltxserve.errors import ModelUnavailable, RequestRefused
from ltxserve.types import GenerationRequest
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.tiny import Diary, disc, saved

ROW = small_row("ltx-2.5-22b-distilled-diffusion-vae")
CATALOG = catalog_with(ROW)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    write_row(folder, ROW)
    return folder


@pytest.fixture(scope="module")
def engine(root: Path) -> Iterator[Engine]:
    with Engine(Placement("cpu", "float32", root), CATALOG) as made:
        yield made


def request(**fields: Any) -> GenerationRequest:
    asked = {"prompt": "a ball", "model": ROW.name, "width": 96, "height": 64, "num_frames": 17}
    steps = {"num_inference_steps": 1, "seed": 1, "audio": False}
    return GenerationRequest.model_validate({**asked, **steps, **fields})


def vae_of(engine: Engine) -> Any:
    backend: Any = engine.backend(ROW.name)
    return backend.pipeline.vae


def test_a_clip_is_decoded_by_it_the_same_every_time(engine: Engine, tmp_path: Path):
    diary = Diary()
    picture = [{"source": saved(disc(), tmp_path / "a.png")}]
    clip = engine.generate(request(conditions=picture), diary)
    assert clip.frames.shape == (17, 64, 96, 3)
    assert clip.frames.std() > 1
    assert isinstance(vae_of(engine), DiffusionVae)
    assert "decode_video" in diary.stages
    again = engine.generate(request(conditions=picture))
    assert np.array_equal(clip.frames, again.frames)
    spared = engine.generate(request(conditions=picture, low_vram=True))
    assert spared.frames.shape == clip.frames.shape


def test_previews_need_no_decoder(engine: Engine):
    shown = engine.backend(ROW.name).preview(torch.zeros(1, 32, 3, 2, 3))
    assert shown.shape[2] == 3


def test_it_attends_to_neighbours_by_our_processor(engine: Engine):
    processors = set(map(type, vae_of(engine).decoder.attn_processors.values()))
    assert processors == {Neighbourhood}


def test_tiles_and_windows_are_near_the_whole(engine: Engine):
    """Every token sees few others, so that only what lies at seams can change."""
    vae = vae_of(engine)
    torch.manual_seed(0)
    latents = torch.randn(1, 32, 9, 3, 4)

    def decoded(window: Window) -> Any:
        return np.concatenate([*decode_chunks(vae, latents, window)]).astype(int)

    whole = decoded(Window(16, 6))
    assert whole.shape == (65, 96, 128, 3)
    cut = decoded(Window(7, 4))
    assert cut.shape == whole.shape
    assert not vae.use_tiling
    assert np.array_equal(decoded(Window(16, 6, tiled=True)), whole), "it fits into one tile"
    assert vae.use_tiling
    vae.decoder.enable_tiling(64, 64, None, 48, 48)
    vae.use_tiling = True
    with torch.inference_mode():
        tiled = vae.decode(latents).sample
    assert tiled.shape == (1, 3, 65, 96, 128)
    vae.decoder.enable_tiling(512, 512, None, 448, 448)


def test_the_diffusers_form_is_put_together(root: Path, engine: Engine, tmp_path: Path):
    """A folder has the convolutional VAE, and the decoder in a folder of its own."""
    vae, backend = vae_of(engine), engine.backend(ROW.name)
    whole = tmp_path / ROW.diffusers_repo
    parts: Any = backend
    pipeline = parts.pipeline
    conv = small_row("ltx-2.5-22b-distilled")
    write_row(tmp_path / "conv", conv)
    index: dict[str, Any] = {"_class_name": "LTX2Pipeline"}
    with Engine(Placement("cpu", "float32", tmp_path / "conv"), catalog_with(conv)) as other:
        usual: Any = other.backend(conv.name)
        saved_parts = {
            "transformer": ("diffusers", usual.pipeline.transformer),
            "vae": ("diffusers", usual.pipeline.vae),
            "audio_vae": ("diffusers", usual.pipeline.audio_vae),
            "vocoder": ("ltx2", usual.pipeline.vocoder),
            "connectors": ("ltx2", usual.pipeline.connectors),
            "text_encoder": ("transformers", usual.pipeline.text_encoder),
            "tokenizer": ("transformers", usual.pipeline.tokenizer),
            "scheduler": ("diffusers", usual.pipeline.scheduler),
        }
        for name, (library, made) in saved_parts.items():
            made.save_pretrained(whole / name)
            index[name] = [library, type(made).__name__]
    decoder = vae.decoder
    for name in ("latents_mean", "latents_std"):
        decoder.register_buffer(name, getattr(vae, name).clone())
    decoder.save_pretrained(whole / "diffusion_decoder")
    for name in ("latents_mean", "latents_std"):
        delattr(decoder, name)
    del pipeline

    def load(listed: dict[str, Any]) -> Engine:
        (whole / "model_index.json").write_text(json.dumps(listed))
        return Engine(Placement("cpu", "float32", tmp_path), CATALOG)

    with load(index) as lacking, pytest.raises(ModelUnavailable) as caught:
        lacking.backend(ROW.name)
    assert "diffusion_decoder" in caught.value.message
    index["diffusion_decoder"] = ["diffusers", type(decoder).__name__]
    with load(index) as own:
        theirs: Any = vae_of(own)
        assert isinstance(theirs, DiffusionVae)
        for name, weight in decoder.state_dict().items():
            assert torch.equal(theirs.decoder.state_dict()[name], weight)
        assert own.generate(request()).frames.shape == (17, 64, 96, 3)
    shutil.rmtree(whole)


def test_the_row_asks_for_what_the_decoder_needs():
    catalog = load_catalog()
    with pytest.raises(RequestRefused) as caught:
        plan(parse_request({"prompt": "x", "model": ROW.name, "num_frames": 9}), catalog)
    assert caught.value.problems[0].code == "num_frames_out_of_range"
    asked = {"prompt": "x", "size": "720p"}
    needs = [
        plan(parse_request({**asked, "model": name}), catalog).memory.components["decode"]
        for name in ("ltx-2.5-22b-distilled", ROW.name)
    ]
    assert needs[1] == DECODERS["diffusion"] * needs[0]
