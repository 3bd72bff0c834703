"""Whatever is asked of a source, it is planned legally or refused with codes."""

import json
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ltxserve.engine.looking import VideoFacts
from ltxserve.engine.plan import Plan, parse_request, plan
from ltxserve.engine.settle import Eyes, settle
from ltxserve.errors import MediaError, RequestRefused
from tests.unit.engine.plan.test_build_properties import (
    CATALOG,
    EASY,
    check_refusal,
    check_sigmas,
    floats,
    ints,
    maybe,
    plain,
    sources,
    table,
)

bools = st.booleans()
told = {"source_frames": maybe(ints), "source_has_sound": maybe(bools)}
wild: dict[str, st.SearchStrategy[Any]] = {
    "video_to_video": table(source=sources, strength=floats, **told),
    "retake": table(source=sources, start=floats, end=floats, video=bools, audio=bools, **told),
    "extend": table(
        source=sources,
        direction=st.sampled_from(["end", "start"]),
        seconds=maybe(floats),
        num_frames=maybe(ints),
        context=maybe(floats),
        join=bools,
        **told,
    ),
    "sound": table(source=sources, start=floats, source_seconds=maybe(floats)),
}
seconds = st.floats(0, 6)
likely: list[st.SearchStrategy[dict[str, Any]]] = [
    table(video_to_video=table(strength=st.floats(0, 1)), sound=table(start=seconds)),
    table(retake=table(video=bools, audio=bools)).flatmap(
        lambda data: st.tuples(seconds, seconds).map(
            lambda span: {"retake": {**data.get("retake", {}), "start": span[0], "end": span[1]}}
        )
    ),
    table(
        extend=table(
            seconds=st.floats(0, 40),
            context=st.floats(0, 5),
            join=bools,
            direction=st.sampled_from(["end", "start"]),
        )
    ),
]
facts = st.builds(
    VideoFacts,
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.integers(1, 400),
    st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(240)]),
    bools,
)


def judge(data: dict[str, Any], eyes: Eyes) -> Plan | None:
    """The plan of a settled request, or None for a proper refusal."""
    try:
        asked = parse_request(data)
        return plan(settle(asked, CATALOG, eyes), CATALOG)
    except RequestRefused as refused:
        check_refusal(refused)
        return None
    except MediaError as error:
        if error.code != "media_too_large":  # too long to be read whole
            raise
        return None


def check_legal(made: Plan) -> None:
    limits = CATALOG.model(made.model).limits
    assert limits.min_frames <= made.generate.num_frames <= limits.max_frames
    assert (made.generate.num_frames - 1) % 8 == 0
    if made.retake is not None:
        way = made.retake
        assert 0 <= way.first_frame < way.end_frame <= way.source_frames
        assert way.source_frames == made.deliver.num_frames
        assert made.generate.num_frames == way.window_frames
        assert 0 <= way.window <= way.first_frame
        assert way.end_frame <= way.window + way.window_frames
        assert made.retake.video or made.retake.audio
    if made.extend is not None:
        most = max(part.num_frames for part in made.extend.segments)
        assert made.generate.num_frames == most
        assert all((part.num_frames - 1) % 8 == 0 for part in made.extend.segments)
        assert all(part.context > 0 and part.new > 0 for part in made.extend.segments)
        assert sum(part.new for part in made.extend.segments) >= made.extend.added > 0
    check_sigmas(made)
    json.dumps(made.to_dict(), allow_nan=False)


@EASY
@given(table(**wild, **plain), facts, floats.filter(lambda x: isinstance(x, float)))
def test_absurd_requests_are_refused_with_codes(data: dict[str, Any], seen: VideoFacts, s: float):
    made = judge({"prompt": "a red ball", **data}, Eyes(lambda source: seen, lambda source: s))
    if made is not None:
        check_legal(made)


@EASY
@given(st.one_of(likely), facts, st.floats(0.1, 10))
def test_sensible_requests_are_planned_legally(data: dict[str, Any], seen: VideoFacts, s: float):
    asked = {name: {"source": "a.mp4", **part} for name, part in data.items()}
    made = judge({"prompt": "a red ball", **asked}, Eyes(lambda source: seen, lambda source: s))
    if made is not None:
        check_legal(made)


@EASY
@given(table(**wild))
def test_nothing_need_be_looked_at(data: dict[str, Any]):
    made = judge({"prompt": "a red ball", **data}, Eyes(lambda source: None, lambda source: None))
    if made is not None:
        check_legal(made)
