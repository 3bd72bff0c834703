"""What callers give, as bodies."""

from pathlib import Path

from ltxserve.client import views
from ltxserve.client.bodies import body_of, plain, stitch_body
from ltxserve.types import Condition, GenerationRequest
from tests.unit.client.script import JOB


def test_prompts_models_and_mappings():
    assert body_of("a ball", {"seed": 7, "width": None}) == {"prompt": "a ball", "seed": 7}
    request = GenerationRequest(prompt="x", conditions=(Condition(source="a.png"),))
    assert body_of(request, {"seed": 1}) == {
        "prompt": "x",
        "conditions": [{"source": "a.png"}],
        "seed": 1,
    }
    assert body_of({"prompt": "x", "seed": 1}, {"seed": 2}) == {"prompt": "x", "seed": 2}
    assert body_of(None, {"prompt": "x"}) == {"prompt": "x"}


def test_clips_of_every_kind():
    job = views.job(JOB)
    body = stitch_body([job, "id", Path("a.mp4"), {"source": job, "speed": 2}], {"loudness": -14})
    assert body["clips"] == [
        {"source": job},
        {"source": "id"},
        {"source": "a.mp4"},
        {"source": job, "speed": 2},
    ]
    assert body["loudness"] == -14


def test_plain_data_stays():
    assert plain({"a": (1, [Path("x")])}) == {"a": [1, ["x"]]}
