"""A clip's length and words, told by replicas of the models that tell them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx2.duration_head import LTX2DurationHead

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers import foretelling
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan.foresight import chosen_frames
from ltxserve.engine.plan.nouns import PlannedAutoLength
from ltxserve.errors import Cancelled, ModelUnavailable
from ltxserve.types import GenerationRequest
from tests.replicas.folders import catalog_with, small_row, write_row
from tests.replicas.parts import part, with_seconds
from tests.tiny import Diary, disc, saved

ROW = small_row("ltx-2.5-22b-distilled")
WRITES = small_row("ltx-2.3-22b-distilled-1.1")
CATALOG = catalog_with(ROW, WRITES)
HEAD = next(file for file in ROW.files if file.role == "duration_head")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    for row in (ROW, WRITES):
        write_row(folder, row)
    with_seconds(part("ltx-2.5-duration-head-small"), 1.7).save(folder / ROW.repo / HEAD.path)
    return folder


@pytest.fixture(scope="module")
def engine(root: Path) -> Iterator[Engine]:
    with Engine(Placement("cpu", "float32", root), CATALOG) as made:
        yield made


def request(model: str = ROW.name, **fields: Any) -> GenerationRequest:
    asked = {"prompt": "a ball", "model": model, "width": 64, "height": 64, "seed": 1}
    steps = {"num_inference_steps": 1, "audio": False}
    return GenerationRequest.model_validate({**asked, **steps, **fields})


def test_the_clip_is_as_long_as_the_model_says(engine: Engine, tmp_path: Path):
    diary = Diary()
    asked = request(auto_length={}, conditions=[{"source": saved(disc(), tmp_path / "a.png")}])
    planned = engine.plan(asked)
    assert planned.deliver.num_frames == 481
    assert planned.is_open
    clip = engine.generate(asked, diary)
    assert len(clip.frames) == 41, "1.7 seconds are 40.8 frames at 24 a second"
    assert clip.plan.deliver.num_frames == 41
    assert clip.plan.auto_length == planned.auto_length
    assert not clip.plan.is_open
    assert diary.steps("choose_length") == [(0, 1), (1, 1)]
    assert diary.stages.index("choose_length") < diary.stages.index("denoise")
    same = engine.generate(request(num_frames=41, conditions=asked.conditions))
    assert np.array_equal(clip.frames, same.frames), "as if that length had been asked for"


@pytest.mark.parametrize(
    ("bounds", "frames"),
    [({"max_seconds": 1.1}, 25), ({"min_seconds": 2.0}, 49), ({"min_seconds": 1.6}, 41)],
)
def test_the_length_stays_within_what_was_asked_for(
    engine: Engine, tmp_path: Path, bounds: dict[str, float], frames: int
):
    file = engine.write(request(auto_length=bounds), tmp_path / "a.mp4")
    assert file.file.num_frames == frames


def test_a_head_that_is_not_here_is_named_before_anything_is_denoised(tmp_path: Path):
    write_row(tmp_path, ROW)
    diary = Diary()
    with Engine(Placement("cpu", "float32", tmp_path), CATALOG) as own:
        with pytest.raises(ModelUnavailable) as caught:
            own.generate(request(auto_length={}), diary)
        assert len(own.generate(request(num_frames=9)).frames) == 9
    assert (caught.value.code, caught.value.field) == ("weights_missing", "auto_length")
    assert f"models pull {ROW.name}" in caught.value.hint
    assert "encode_prompt" not in diary.stages


def test_the_prompt_decides(engine: Engine, root: Path, tmp_path: Path):
    """A head with random weights says something else of another prompt, the same of the same."""
    backend: Any = engine.backend(ROW.name)
    layers = dict(part("ltx-2.5-duration-head-small").tensors)
    assert set(layers)
    kept = backend.foretelling["duration_head"]
    torch.manual_seed(0)
    config = {k: v for k, v in kept.config.items() if not k.startswith("_")}
    backend.foretelling["duration_head"] = LTX2DurationHead(**config).eval()
    try:
        said = [
            backend.foresee(engine.plan(request(prompt=words, auto_length={})), 1, Diary()).seconds
            for words in ("a ball", "a long walk along the sea", "a ball")
        ]
    finally:
        backend.foretelling["duration_head"] = kept
    assert said[0] == said[2] != said[1]


@pytest.mark.parametrize("seconds", [0.3, 1.0, 1.49, 4.9, 7.03, 19.9, 33.0])
@pytest.mark.parametrize("fps", [24.0, 25.0, 60.0])
def test_lengths_are_cut_as_diffusers_cuts_them(seconds: float, fps: float):
    head = LTX2DurationHead(8, 8, 8, mlp_hidden_dim=8, num_pooler_heads=1)
    with torch.no_grad():
        head.mlp_out.weight.zero_()
        head.mlp_out.bias.fill_(float(np.log(seconds)))
        low, high = 1.0, 20.0
        wanted = head.predict_num_frames(
            torch.zeros(1, 2, 8), frame_rate=fps, temporal_compression_ratio=8,
            min_seconds=low, max_seconds=high,
        )  # fmt: skip
    least, most = -(-int(low * fps - 1) // 8) * 8 + 1, int(high * fps - 1) // 8 * 8 + 1
    assert chosen_frames(seconds, PlannedAutoLength(least, most, 8), fps) == wanted


def test_the_text_encoder_writes_the_prompt_out(engine: Engine, tmp_path: Path):
    diary = Diary()
    asked = request(WRITES.name, num_frames=9, enhance_prompt=True, camera_motion="dolly_in")
    clip = engine.generate(asked, diary)
    assert clip.plan.asked_prompt == "a ball"
    assert clip.plan.prompt != engine.plan(request(WRITES.name, camera_motion="dolly_in")).prompt
    phrase = engine.plan(request(WRITES.name, prompt="x", camera_motion="dolly_in")).prompt[1:]
    assert clip.plan.prompt.endswith(phrase), "the camera's sentence stays"
    told = diary.steps("enhance_prompt")
    assert (told[0], told[-1]) == ((0, 512), (512, 512))
    assert len(told) > 3, "told at every token"
    again = engine.generate(asked)
    assert again.plan.prompt == clip.plan.prompt
    assert np.array_equal(again.frames, clip.frames)
    other = engine.generate(asked.model_copy(update={"seed": 2}))
    assert other.plan.prompt != clip.plan.prompt
    written = engine.generate(request(WRITES.name, num_frames=9, prompt=clip.plan.prompt))
    assert np.array_equal(written.frames, clip.frames), "as if those words had been asked for"


def test_writing_stops_within_a_token_when_it_is_cancelled(engine: Engine):
    def cancel() -> None:
        raise Cancelled

    diary = Diary(("enhance_prompt", 3), cancel)
    with pytest.raises(Cancelled):
        engine.generate(request(WRITES.name, num_frames=9, enhance_prompt=True), diary)
    assert diary.steps("enhance_prompt")[-1] == (3, 512)
    assert "denoise" not in diary.stages


def test_what_foretells_is_no_part_of_the_pipeline():
    one, other = torch.nn.Identity(), torch.nn.Identity()
    parts: dict[str, Any] = {"vae": other, "duration_head": one}
    assert foretelling.taken(parts) == {"duration_head": one}
    assert parts == {"vae": other}
