"""Whatever a caller sends, it is planned legally or refused with codes; nothing else happens."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ltxserve.catalog import load_catalog
from ltxserve.engine import geometry
from ltxserve.engine.plan import Plan, parse_request, plan
from ltxserve.errors import CODES, RequestRefused
from ltxserve.types import GenerationRequest

CATALOG = load_catalog()
EASY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ints = st.one_of(
    st.integers(-2, 130),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**63, 2**64, 128, 256, 512, 720]),
)
floats = st.one_of(st.floats(), st.floats(-1, 70), ints)
texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "\x00", "\ud800", "x" * 6000, "720p", "16:9", "1280x720", "300x200"]),
)
sources = st.one_of(
    texts,
    st.sampled_from(
        [
            "a.png",
            "b.mp4",
            "c",
            "http://x/y.jpg?z=1",
            "https://[bad",
            "data:image/png;base64,AA",
            "data:",
            "ftp://a/b",
            "s.wav",
            "C:\\x.png",
        ]
    ),
)
names = st.one_of(
    texts,
    st.sampled_from([*CATALOG.models, *CATALOG.presets, *CATALOG.loras, *CATALOG.camera, "TINY "]),
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def table(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


parts = {
    "conditions": st.lists(
        table(source=sources, frame=ints, strength=floats, num_frames=maybe(ints)), max_size=10
    ),
    "loras": st.lists(table(name_or_path=names, strength=floats), max_size=6),
    "controls": st.lists(
        table(kind=st.sampled_from(["canny", "depth", "pose"]), source=sources, strength=floats),
        max_size=2,
    ),
    "upscale": table(spatial=st.booleans(), temporal=st.booleans()),
    "output": table(
        format=st.sampled_from(["mp4", "webm", "gif", "png", "avi"]),
        crf=maybe(ints),
        file_name=maybe(texts),
        embed_metadata=st.booleans(),
    ),
}
plain = {
    "prompt": texts,
    "negative_prompt": maybe(texts),
    "preset": maybe(st.sampled_from([*CATALOG.presets, "nope"])),
    "width": maybe(ints),
    "height": maybe(ints),
    "size": maybe(texts),
    "aspect_ratio": maybe(st.one_of(texts, st.sampled_from(["1:1", "9:16", "0:1", "99999:1"]))),
    "num_frames": maybe(ints),
    "seconds": maybe(floats),
    "fps": maybe(floats),
    "seed": maybe(ints),
    "num_inference_steps": maybe(ints),
    "sigmas": maybe(st.lists(floats, max_size=6)),
    "stg_blocks": maybe(st.lists(ints, max_size=4)),
    "camera_motion": maybe(names),
    "audio": maybe(st.booleans()),
    "low_vram": st.booleans(),
    **{
        prefix + term: maybe(floats)
        for prefix in ("", "audio_")
        for term in ("guidance_scale", "stg_scale", "guidance_rescale", "modality_scale")
    },
}
requests = st.builds(
    lambda base, rest: {"prompt": "a red ball", **base, **rest},
    st.one_of(
        table(model=names, **plain, **parts),
        table(**plain),
        table(**parts),
        table(width=ints, height=ints, num_frames=ints, seconds=floats, fps=floats),
    ),
    table(bogus=texts) | st.just({}),
)
json_like = st.recursive(
    st.none() | st.booleans() | ints | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def judge(data: dict[str, Any]) -> Plan | None:
    """The plan, or None for a proper refusal; anything else fails the test."""
    try:
        return plan(parse_request(data), CATALOG)
    except RequestRefused as refused:
        check_refusal(refused)
        return None


def check_refusal(refused: RequestRefused) -> None:
    assert all(problem.code in CODES for problem in refused.problems)
    assert all(problem.message and problem.hint for problem in refused.problems)
    assert len(str(refused)) < 20_000
    json.dumps(refused.to_dict(), allow_nan=False, ensure_ascii=False).encode()


def check_sigmas(made: Plan) -> None:
    """They fall, one for each step; a model without a curve of its own leaves them open."""
    if made.sigmas is None:
        assert not CATALOG.model(made.model).sampling.sigmas
        return
    assert len(made.sigmas) == made.num_inference_steps
    assert all(1 >= a > b > 0 for a, b in zip(made.sigmas, made.sigmas[1:], strict=False))


def check_legal(made: Plan) -> None:
    limits = CATALOG.model(made.model).limits
    assert geometry.is_legal((made.generate.width, made.generate.height), limits.multiple, limits)
    assert (made.generate.num_frames - 1) % 8 == 0
    assert limits.min_frames <= made.generate.num_frames <= limits.max_frames
    assert limits.min_fps <= made.deliver.fps <= limits.max_fps
    assert made.deliver.seconds <= limits.max_seconds + 4 / made.deliver.fps
    assert made.deliver.width <= made.generate.width
    assert made.deliver.height <= made.generate.height
    assert (made.deliver.num_frames, made.deliver.fps) == (
        made.generate.num_frames,
        made.generate.fps,
    )
    assert (made.fit == "none") == (made.deliver == made.generate)
    check_sigmas(made)
    for condition in made.conditions:
        assert 0 <= condition.frame < made.generate.num_frames
        assert condition.latent_index <= (made.generate.num_frames - 1) // 8
        assert condition.max_frames % 8 == 1
        assert condition.frame + condition.max_frames <= made.generate.num_frames
    json.dumps(made.to_dict(), allow_nan=False)


@EASY
@given(requests)
def test_every_request_is_planned_legally_or_refused_with_codes(data: dict[str, Any]):
    made = judge(data)
    if made is not None:
        check_legal(made)


@EASY
@given(st.dictionaries(st.sampled_from([*GenerationRequest.model_fields]) | texts, json_like))
def test_arbitrary_json_is_planned_or_refused(data: dict[str, Any]):
    made = judge(data)
    if made is not None:
        check_legal(made)


@EASY
@given(
    st.integers(128, 512),
    st.integers(128, 512),
    st.floats(0.1, 5.0),
    st.sampled_from([24.0, 25.0, 30.0]),
)
def test_every_reasonable_size_and_length_is_planned(w: int, h: int, seconds: float, fps: float):
    made = judge(
        {"prompt": "x", "width": w // 2 * 2, "height": h // 2 * 2, "seconds": seconds, "fps": fps}
    )
    if seconds * fps <= 121:
        assert made is not None
        check_legal(made)


likely = table(
    camera_motion=st.sampled_from(list(CATALOG.camera)),
    negative_prompt=st.just("blurry"),
    num_frames=st.integers(0, 15).map(lambda n: 8 * n + 1),
    fps=st.sampled_from([24, 25.0, 29.97, 30, 48, 60]),
    size=st.sampled_from(["256x256", "384x256", "300x200", "480p", "512x288"]),
    num_inference_steps=st.integers(1, 50),
    guidance_scale=st.floats(1, 20),
    stg_scale=st.floats(0, 10),
    seed=st.integers(0, 2**63 - 1),
    audio=st.booleans(),
    conditions=st.lists(
        table(source=st.sampled_from(["a.png", "b.mp4", "c"]), frame=st.integers(-9, 9)).map(
            lambda c: {"source": "d.jpg", **c}
        ),
        max_size=3,
    ),
    output=table(format=st.sampled_from(["mp4", "webm", "gif", "png"])),
)


@EASY
@given(likely)
def test_sensible_requests_are_planned_legally_too(data: dict[str, Any]):
    made = judge({"prompt": "a red ball", **data})
    if made is not None:
        check_legal(made)
