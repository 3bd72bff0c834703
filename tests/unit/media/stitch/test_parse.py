"""Plain data to a stitch; every structural error is a coded problem with its place."""

import pytest

from ltxserve.errors import RequestRefused
from ltxserve.media.stitch.nouns import Stitch
from ltxserve.media.stitch.parse import parse_stitch


def test_defaults():
    stitch = parse_stitch({"clips": [{"source": "a.mp4"}, {"source": "b.mp4"}]})
    assert isinstance(stitch, Stitch)
    assert stitch.transition.kind == "cut"
    assert (stitch.clips[1].speed, stitch.clips[1].volume, stitch.fit) == (1.0, 1.0, "crop")


def test_every_problem_has_its_place():
    data = {
        "clips": [{"source": "a", "spede": 2}, {"speed": "fast"}],
        "transition": {"kind": "wipe"},
        "output": {"formt": "mp4"},
        "lowdness": -14,
    }
    with pytest.raises(RequestRefused) as refused:
        parse_stitch(data)
    found = {p.field: (p.code, p.hint) for p in refused.value.problems}
    assert found["clips.0.spede"] == ("unknown_field", "Did you mean speed?")
    assert found["clips.1.source"][0] == "invalid_field"
    assert found["clips.1.speed"][0] == "invalid_field"
    assert found["transition.kind"][0] == "invalid_field"
    assert found["output.formt"] == ("unknown_field", "Did you mean format?")
    assert found["lowdness"] == ("unknown_field", "Did you mean loudness?")


def test_no_clips():
    with pytest.raises(RequestRefused) as refused:
        parse_stitch({})
    assert refused.value.codes == ("clips_missing",)


def test_a_long_name_is_shown_short():
    with pytest.raises(RequestRefused) as refused:
        parse_stitch({"clips": [], "x" * 500: 1})
    assert len(refused.value.problems[0].field or "") < 120
