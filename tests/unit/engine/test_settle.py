"""What a request leaves open is filled from its source; what it says stays."""

from fractions import Fraction
from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.looking import VideoFacts
from ltxserve.engine.plan import parse_request, plan
from ltxserve.engine.settle import Eyes, settle
from ltxserve.errors import MediaError, RequestRefused
from ltxserve.media.decode import MAX_CLIP_BYTES
from ltxserve.types import GenerationRequest

CATALOG = load_catalog()
FACTS = VideoFacts(192, 160, 60, Fraction(25), True)


def seen(facts: VideoFacts = FACTS, seconds: float = 2.0) -> Eyes:
    return Eyes(lambda source: facts, lambda source: seconds)


def settled(eyes: Eyes | None = None, **fields: Any) -> GenerationRequest:
    return settle(parse_request({"prompt": "a ball", **fields}), CATALOG, eyes or seen())


def blind(source: str) -> Any:
    raise AssertionError(f"{source} was looked at")


def test_a_made_over_video_has_its_sources_extent():
    made = settled(video_to_video={"source": "a.mp4"})
    assert (made.width, made.height, made.fps, made.num_frames) == (192, 160, 25.0, 57)
    assert made.video_to_video is not None
    assert made.video_to_video.source_frames == 60
    assert made.video_to_video.source_has_sound is True


def test_what_is_asked_for_stays():
    asked = {"width": 256, "height": 128, "fps": 12.5, "num_frames": 9}
    made = settled(video_to_video={"source": "a.mp4"}, **asked)
    assert made.model_dump(include=set(asked)) == asked
    assert made.video_to_video is not None
    assert made.video_to_video.source_frames == 30  # at the clip's rate


def test_one_word_on_size_is_enough():
    made = settled(video_to_video={"source": "a.mp4"}, aspect_ratio="16:9")
    assert made.width is None
    assert made.height is None


def test_an_extension_keeps_its_length_open():
    made = settled(extend={"source": "a.mp4", "seconds": 1})
    assert made.num_frames is None
    assert plan(made, CATALOG).deliver.num_frames == 60 + 25


def test_what_a_caller_says_of_a_source_is_measured():
    told = {"source": "a.mp4", "seconds": 1, "source_frames": 1, "source_has_sound": False}
    made = settled(extend=told)
    assert made.extend is not None
    assert (made.extend.source_frames, made.extend.source_has_sound) == (60, True)


def test_a_clip_is_as_long_as_its_sound():
    made = settled(sound={"source": "a.wav", "start": 0.5})
    assert made.num_frames == 33  # 1.5 s at 24 are 36
    assert made.sound is not None
    assert made.sound.source_seconds == 2.0
    assert plan(made, CATALOG).sound is not None


def test_settling_twice_changes_nothing():
    once = settled(retake={"source": "a.mp4", "start": 0.5, "end": 1})
    assert settle(once, CATALOG, seen()) == once


@pytest.mark.parametrize(
    ("size", "made"),
    [((1920, 1080), (512, 288)), ((65, 65), (128, 128)), ((201, 161), (200, 160))],
)
def test_sizes_that_the_model_does_not_make(size: tuple[int, int], made: tuple[int, int]):
    eyes = seen(VideoFacts(*size, 60, Fraction(24), False))
    request = settled(eyes, video_to_video={"source": "a.mp4"})
    assert (request.width, request.height) == made
    plan(request, CATALOG)


def test_a_rate_that_the_model_does_not_make():
    eyes = seen(VideoFacts(192, 160, 100, Fraction(120), False))
    made = settled(eyes, video_to_video={"source": "a.mp4"})
    assert made.fps == 24
    assert made.num_frames == 17


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"conditions": [{"source": "a.mp4"}]},
        {"video_to_video": {"source": "a.png"}},
        {"video_to_video": {"source": "a.mp4"}, "model": "nonsense"},
        {"video_to_video": {"source": "a.mp4"}, "model": "ltxv-2b-0.9.0"},
        {"video_to_video": {"source": "a.mp4"}, "extend": {"source": "a.mp4", "seconds": 1}},
        {"sound": {"source": "a.png"}},
    ],
)
def test_nothing_is_looked_at_in_vain(fields: dict[str, Any]):
    asked = parse_request({"prompt": "a ball", **fields})
    assert settle(asked, CATALOG, Eyes(blind, blind)) is asked


def test_what_cannot_be_looked_at_stays_open():
    asked = {"video_to_video": {"source": "a.mp4"}, "sound": {"source": "a.wav"}}
    request = parse_request({"prompt": "a ball", **asked})
    assert settle(request, CATALOG, Eyes(lambda source: None, lambda source: None)) is request


def test_a_source_that_cannot_be_read():
    gone = {"source": "/no/such.mp4", "seconds": 1}
    with pytest.raises(MediaError) as caught:
        settle(parse_request({"prompt": "a ball", "extend": gone}), CATALOG)
    assert (caught.value.code, caught.value.field) == ("media_not_found", "extend.source")


def test_what_else_is_wrong_is_told_with_it():
    asked = {"prompt": "a ball", "sound": {"source": "/no/such.wav"}, "fps": -1, "audio": False}
    with pytest.raises(RequestRefused) as caught:
        settle(parse_request(asked), CATALOG)
    assert caught.value.codes[0] == "media_not_found"
    assert {"fps_out_of_range", "conflicting_fields"} <= set(caught.value.codes)


@pytest.mark.parametrize(
    "way", [{"extend": {"seconds": 1}}, {"retake": {"start": 0.5, "end": 1}}], ids=str
)
def test_a_source_whose_pixels_are_too_many_is_refused_before_the_run(way: dict[str, Any]):
    ((name, rest),) = way.items()
    asked = {name: {"source": "a.mp4", **rest}}
    frames = MAX_CLIP_BYTES // (1920 * 1080 * 3)
    assert settled(seen(VideoFacts(1920, 1080, frames, Fraction(25), True)), **asked)
    with pytest.raises(MediaError) as caught:
        settled(seen(VideoFacts(1920, 1080, frames + 1, Fraction(25), True)), **asked)
    assert (caught.value.code, caught.value.field) == ("media_too_large", f"{name}.source")


def test_of_a_long_video_only_what_is_made_over_is_read():
    long = VideoFacts(1920, 1080, 10**5, Fraction(25), True)
    assert settled(seen(long), video_to_video={"source": "a.mp4"}, num_frames=49)
