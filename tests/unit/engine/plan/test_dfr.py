"""Diffusion fidelity rendering: stills, tiles and passes, and what it is refused for."""

from typing import Any

import pytest
from diffusers.pipelines.ltx2.dfr_layout import resolve_canvas, temporal_tile_plan

from ltxserve.catalog import load_catalog
from ltxserve.engine.plan import Plan, parse_request, plan
from ltxserve.engine.plan.dfr import layout, tiles
from ltxserve.engine.plan.nouns import PlannedDfr
from ltxserve.errors import RequestRefused

CATALOG = load_catalog()
MODEL = "ltx-2.5-22b-distilled"


def planned(model: str = MODEL, **fields: Any) -> Plan:
    asked = {"prompt": "a dog", "model": model, "dfr": {}, **fields}
    return plan(parse_request(asked), CATALOG)


def refused(model: str = MODEL, **fields: Any) -> list[tuple[str, str | None]]:
    with pytest.raises(RequestRefused) as caught:
        planned(model, **fields)
    return [(problem.code, problem.field) for problem in caught.value.problems]


@pytest.mark.parametrize("frames", range(9, 490, 8))
def test_stills_and_tiles_lie_where_diffusers_lays_them(frames: int):
    canvas, _, stills = resolve_canvas(frames)
    assert layout(frames, (3, 4)) == (canvas, tuple(stills))
    made = PlannedDfr(frames, canvas, tuple(stills), 2, 0.5, True)
    for number in (1, 2):
        canvas, stills = 2 * canvas - 1, [2 * still for still in stills]
        theirs = temporal_tile_plan(stills, canvas, 2**number)
        largest = max((t.interval.end - t.interval.start - 1) * 8 + 1 for t in theirs)
        assert tiles(made, number) == (len(theirs), largest)
        stills = sorted({*stills, *(slot for tile in theirs for slot in tile.slots)})


def test_two_passes_at_the_clips_own_rate():
    made = planned(size="1080p", seconds=5)
    kinds = [(stage.kind, stage.steps) for stage in made.stages]
    assert kinds == [
        ("encode_prompt", 1), ("denoise", 8), ("upscale_spatial", 1), ("denoise", 3),
        ("decode_video", 1), ("decode_audio", 1), ("encode_file", 1),
    ]  # fmt: skip
    first, second = made.passes
    assert (first.shape.width, first.shape.height, first.shape.num_frames) == (960, 544, 121)
    assert (second.shape.width, second.shape.height) == (1920, 1088)
    assert made.dfr == PlannedDfr(121, 121, (24, 48, 72, 96, 120), 0, 0.5, True)
    assert first.also_tokens == 5 * 30 * 17
    assert second.also_tokens == 5 * 60 * 34 + 16 * 30 * 17
    assert [lora.name for lora in second.loras] == ["2.5-pixel-spatial-upscaler"]
    assert not first.loras
    plain = planned(size="1080p", seconds=5, dfr={"detail": False})
    assert not plain.passes[1].loras
    assert plain.memory.peak < made.memory.peak


def test_what_fills_the_last_segment_is_made_and_not_delivered():
    made = planned(num_frames=17)
    assert made.passes[0].shape.num_frames == 25
    assert (made.generate.num_frames, made.deliver.num_frames) == (17, 17)


@pytest.mark.parametrize(("rounds", "fps"), [(1, 48.0), (2, 96.0)])
def test_rounds_double_the_rate_of_a_slower_clip(rounds: int, fps: float):
    made = planned(num_frames=16 * 2**rounds + 1, fps=fps, dfr={"rounds": rounds})
    assert made.passes[0].shape.fps == 24
    assert made.condition_fps == 24
    assert made.dfr is not None
    assert made.dfr.frames == 17
    assert [stage.kind for stage in made.stages].count("upscale_temporal") == rounds
    assert made.passes[-1].steps % 4 == 0
    assert made.deliver.fps == fps
    asked = {"num_frames": 16 * 2**rounds + 9, "fps": fps, "dfr": {"rounds": rounds}}
    assert refused(**asked) == [("num_frames_invalid", "num_frames")]


def test_pictures_lie_in_the_slower_clip():
    shown = [{"source": "a.png", "frame": 33}, {"source": "b.png", "frame": -1}]
    made = planned(num_frames=65, fps=96, dfr={"rounds": 2}, conditions=shown)
    assert [condition.frame for condition in made.conditions] == [8, 16]


def test_the_length_can_be_the_models_choice():
    made = planned(auto_length={"max_seconds": 5}, fps=48, dfr={"rounds": 1})
    assert made.auto_length is not None
    assert made.auto_length.step == 16
    assert made.stages[0].kind == "choose_length"


@pytest.mark.parametrize("model", ["tiny", "ltx-2.5-22b-dev", "ltx-2.3-22b-distilled-1.1"])
def test_other_models_refuse(model: str):
    assert ("dfr_unsupported", "dfr") in refused(model)


@pytest.mark.parametrize("rounds", [-1, 3, 10**9])
def test_rounds_are_few(rounds: int):
    assert ("dfr_unsupported", "dfr.rounds") in refused(dfr={"rounds": rounds})


@pytest.mark.parametrize(
    "fields",
    [
        {"upscale": {"spatial": True}},
        {"upscale": {"temporal": True}},
        {"video_to_video": {"source": "a.mp4"}},
        {"sound": {"source": "a.wav"}},
        {"extend": {"source": "a.mp4", "seconds": 2}},
    ],
)
def test_what_it_excludes(fields: dict[str, Any]):
    assert ("conflicting_fields", "dfr") in refused(**fields)
