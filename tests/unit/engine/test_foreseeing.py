"""Open plans on their way to the one that runs, with a fake that says things at once."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ltxserve.engine.backends.base import Foreseen
from ltxserve.engine.engine import Engine
from ltxserve.engine.foreseeing import Foreseeing
from ltxserve.engine.plan import parse_request, plan
from ltxserve.errors import MediaError
from ltxserve.media.metadata import read_metadata
from ltxserve.types import GenerationRequest
from tests.replicas.folders import catalog_with, small_row
from tests.tiny import Diary
from tests.unit.engine.fakes import SECONDS, Loader

TELLS, WRITES = small_row("ltx-2.5-22b-distilled"), small_row("ltx-2-19b-distilled")
SMALL = catalog_with(TELLS, WRITES)


def request(model: str, **fields: Any) -> GenerationRequest:
    asked = {"prompt": "a dog", "model": model, "width": 64, "height": 64, "seed": 5}
    return parse_request({**asked, **fields})


def test_the_next_plan_has_what_was_said_and_remembers_what_was_asked():
    asked = request(WRITES.name, enhance_prompt=True, camera_motion="static")
    first = plan(asked, SMALL)
    made = Foreseeing(asked, SMALL).planned(first, Foreseen(prompt="A brown dog runs."))
    assert made.asked_prompt == "a dog"
    assert made.prompt.startswith("A brown dog runs.")
    assert not made.is_open
    alone = plan(request(WRITES.name, prompt="A brown dog runs.", camera_motion="static"), SMALL)
    assert made.stages == alone.stages
    assert made.prompt == alone.prompt


def test_words_that_adapters_act_on_are_not_lost():
    model = small_row("ltx-2.3-22b-distilled-1.1")
    uses = [{"name_or_path": "2.3-cinemagraph"}, {"name_or_path": "/a/own.safetensors"}]
    asked = request(
        model.name, prompt="cinemagraph_motion, a lake", enhance_prompt=True, loras=uses
    )
    catalog = catalog_with(model)
    first = plan(asked, catalog)
    for written, wanted in (
        ("A still lake.", "A still lake. CINEMAGRAPH_MOTION"),
        ("A lake, Cinemagraph_Motion.", "A lake, Cinemagraph_Motion."),
    ):
        made = Foreseeing(asked, catalog).planned(first, Foreseen(prompt=written))
        assert made.prompt == wanted
    plain = asked.model_copy(update={"prompt": "a lake"})
    made = Foreseeing(plain, catalog).planned(first, Foreseen(prompt="A still lake."))
    assert made.prompt == "A still lake.", "what was not asked for is not added"


def test_a_length_becomes_frames_of_the_clips_rate():
    asked = request(TELLS.name, auto_length={"max_seconds": 10}, fps=30)
    first = plan(asked, SMALL)
    made = Foreseeing(asked, SMALL).planned(first, Foreseen(seconds=SECONDS))
    assert made.deliver.num_frames == 65, "66 frames, cut to 8n + 1"
    assert made.auto_length == first.auto_length
    assert made.stages[-1].shape.num_frames == 65


def test_the_clip_in_memory_and_the_file_have_that_length(tmp_path: Path):
    engine = Engine(catalog=SMALL, create=(loader := Loader()))
    asked = request(TELLS.name, auto_length={}, num_inference_steps=1)
    clip = engine.generate(asked, diary := Diary())
    assert len(clip.frames) == 49
    assert clip.audio is not None
    assert clip.audio.seconds == pytest.approx(49 / 24, abs=1e-3)
    assert diary.stages.index("load") < diary.stages.index("choose_length")
    file = engine.write(asked, tmp_path / "a.mp4")
    assert file.file.num_frames == 49
    assert len(loader.made) == 1
    assert [seed for _, seed in loader.last.foresaw] == [5, 5]
    assert [ran.deliver.num_frames for ran, _, _ in loader.last.ran] == [49, 49]
    assert diary.stages.count("load") == 1


def test_words_come_before_the_length():
    both = dataclasses.replace(
        TELLS, supports=dataclasses.replace(TELLS.supports, enhance_prompt=True)
    )
    engine = Engine(catalog=catalog_with(both), create=(loader := Loader()))
    asked = request(TELLS.name, auto_length={}, enhance_prompt=True, num_inference_steps=1)
    clip = engine.generate(asked)
    first, second = (made for made, _ in loader.last.foresaw)
    assert first.stages[0].kind == "enhance_prompt"
    assert (second.stages[0].kind, second.prompt) == ("choose_length", "a dog, seen from above")
    assert (clip.plan.prompt, clip.plan.asked_prompt) == (second.prompt, "a dog")
    assert clip.plan.seed == 5
    assert np.all(clip.frames[1] - clip.frames[0] == 1)


def test_a_picture_that_cannot_be_read_costs_no_model():
    engine = Engine(catalog=SMALL, create=(loader := Loader()))
    gone = [{"source": "/nowhere/at-all.png"}]
    with pytest.raises(MediaError):
        engine.generate(request(TELLS.name, auto_length={}, conditions=gone))
    assert not loader.made


def test_models_that_say_nothing_are_not_asked():
    engine = Engine(create=(loader := Loader()))
    engine.generate(GenerationRequest(prompt="a ball", num_frames=9))
    assert not loader.last.foresaw


def test_the_file_says_with_which_words_it_was_made(tmp_path: Path):
    engine = Engine(catalog=SMALL, create=Loader())
    asked = request(WRITES.name, enhance_prompt=True, num_frames=9, num_inference_steps=1)
    engine.write(asked, tmp_path / "a.mp4")
    found = read_metadata(tmp_path / "a.mp4")
    assert found["prompt"] == "a dog, seen from above"
    assert json.loads(found["plan"])["asked_prompt"] == "a dog"
