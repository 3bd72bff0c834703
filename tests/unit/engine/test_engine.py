"""The engine: resident models, clips and files, turns, and nothing left behind when it stops."""

import dataclasses
import threading
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from ltxserve.catalog import Catalog, load_catalog
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.engine import Engine
from ltxserve.errors import Cancelled, LtxserveError, MediaError, OutOfMemory, RequestRefused
from ltxserve.media.decode import read_sound, read_video
from ltxserve.media.metadata import read_metadata
from tests import tiny
from tests.tiny import Diary, request
from tests.unit.engine.fakes import RATE, Loader


def cancel() -> None:
    raise Cancelled


def two_models() -> Catalog:
    """The catalog with a second model that runs."""
    catalog = load_catalog()
    spec = dataclasses.replace(catalog.model("tiny"), name="other", aliases=())
    models = MappingProxyType({**catalog.models, "other": spec})
    return dataclasses.replace(catalog, models=models)


# ── with a fake backend ─────────────────────────────────────────────────────────────────────
def test_a_clip_has_frames_sound_and_report():
    clip = Engine(create=Loader()).generate(request(num_frames=17, seed=5))
    assert clip.frames.shape == (17, 128, 128, 3)
    assert clip.frames[:, 0, 0, 0].tolist() == list(range(5, 22))
    assert clip.audio is not None
    assert clip.audio.num_samples == round(17 / 24 * RATE)
    assert clip.seed == 5
    assert clip.report.peak_memory == 1_000_000


def test_the_model_stays_resident_by_name_and_alias():
    loader = Loader()
    engine = Engine(create=loader)
    for model in ("tiny", "ltxserve-tiny", "TINY"):
        engine.generate(request(model=model))
    assert engine.backend("tiny") is engine.backend("ltxserve-tiny")
    assert len(loader.made) == 1
    assert len(loader.last.ran) == 3


def test_another_model_takes_the_place_of_the_first():
    loader = Loader()
    engine = Engine(catalog=two_models(), create=loader)
    engine.generate(request())
    first = loader.last
    engine.generate(request(model="other"))
    assert first.closed
    assert [spec.name for spec, _, _ in loader.made] == ["tiny", "other"]


def test_close_lets_the_model_go_and_the_next_request_loads_it():
    loader = Loader()
    with Engine(create=loader) as engine:
        engine.generate(request())
    assert loader.last.closed
    engine.close()
    engine.generate(request())
    assert len(loader.made) == 2


def test_the_placement_reaches_the_backend():
    loader = Loader()
    Engine(Placement("cpu", "float32"), create=loader).generate(request())
    assert loader.made[0][1] == Placement("cpu", "float32")


def test_a_refused_request_loads_nothing():
    loader = Loader()
    with pytest.raises(RequestRefused):
        Engine(create=loader).generate(request(num_frames=10))
    assert not loader.made


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "frames"])
def test_a_file_is_written_in_every_format(tmp_path: Path, name: str):
    diary = Diary()
    made = Engine(create=Loader()).write(request(num_frames=17), tmp_path / name, diary)
    assert made.path == tmp_path / name
    assert (made.file.num_frames, made.file.width) == (17, 128)
    assert diary.steps("encode_file") == [(0, 17), (8, 17), (8, 17), (16, 17), (16, 17), (17, 17)]
    assert "encode_file" in made.timings
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_the_sound_lasts_as_long_as_the_frames(tmp_path: Path):
    path = Engine(create=Loader()).write(request(num_frames=25), tmp_path / "a.mp4").path
    assert read_sound(path).seconds == pytest.approx(25 / 24, abs=1e-3)


@pytest.mark.parametrize("fields", [{"audio": False}, {"output": {"format": "gif"}}])
def test_no_sound_where_none_is_wanted_or_carried(tmp_path: Path, fields: dict[str, object]):
    made = Engine(create=Loader()).write(request(**fields), tmp_path / "a.mp4")
    assert not made.file.has_sound


def test_a_suffix_that_is_no_format_is_refused_before_the_model_loads(tmp_path: Path):
    loader = Loader()
    with pytest.raises(RequestRefused) as caught:
        Engine(create=loader).write(request(), tmp_path / "a.avi")
    assert caught.value.codes == ("output_invalid",)
    assert not loader.made


def test_a_place_that_cannot_be_written_is_refused_before_the_model_loads(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder.mp4").mkdir()
    loader = Loader()
    for place in ("file/a.mp4", "folder.mp4"):
        with pytest.raises(MediaError):
            Engine(create=loader).write(request(), tmp_path / place)
    assert not loader.made


@pytest.mark.parametrize(
    "at",
    [("load", 0), ("denoise", 1), ("decode_video", 8), ("encode_file", 8), ("decode_audio", 0)],
)
def test_cancelling_anywhere_leaves_no_file(tmp_path: Path, at: tuple[str, int]):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"what was there before")
    with pytest.raises(Cancelled):
        Engine(create=Loader()).write(request(), path, Diary(at, cancel))
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"what was there before"]


def test_an_engine_runs_again_after_a_cancelled_run():
    engine = Engine(create=Loader())
    with pytest.raises(Cancelled):
        engine.generate(request(), Diary(("denoise", 1), cancel))
    assert engine.generate(request()).num_frames == 9


def test_running_out_of_memory_leaves_no_file(tmp_path: Path):
    def exhaust(step: int) -> None:
        raise OutOfMemory

    with pytest.raises(OutOfMemory):
        Engine(create=Loader(exhaust)).write(request(), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_a_second_thread_waits_its_turn():
    inside, entered, release = [0], threading.Event(), threading.Event()

    def one_at_a_time(step: int) -> None:
        inside[0] += 1
        assert inside[0] == 1, "two runs at once"
        entered.set()
        release.wait()
        inside[0] -= 1

    engine = Engine(create=Loader(one_at_a_time))
    clips: list[int] = []

    def work() -> None:
        clips.append(engine.generate(request()).num_frames)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    entered.wait()
    release.set()
    for thread in threads:
        thread.join()
    assert clips == [9, 9]


def test_metadata_is_embedded_unless_switched_off(tmp_path: Path):
    engine = Engine(create=Loader())
    engine.write(request(prompt="a red ball", seed=4), tmp_path / "a.mp4")
    engine.write(request(output={"embed_metadata": False}), tmp_path / "b.mp4")
    found = read_metadata(tmp_path / "a.mp4")
    assert (found["prompt"], found["seed"], found["model"]) == ("a red ball", "4", "tiny")
    assert not read_metadata(tmp_path / "b.mp4")


# ── with the built-in model ─────────────────────────────────────────────────────────────────
def test_the_same_seed_gives_equal_frames_and_sound_another_does_not():
    one, again, other = (tiny.engine().generate(request(seed=seed)) for seed in (3, 3, 4))
    assert one.audio is not None
    assert again.audio is not None
    assert np.array_equal(one.frames, again.frames)
    assert np.array_equal(one.audio.samples, again.audio.samples)
    assert not np.array_equal(one.frames, other.frames)


def test_a_reported_seed_makes_the_clip_again():
    clip = tiny.engine().generate(request(seed=None))
    again = tiny.engine().generate(request(seed=clip.seed))
    assert np.array_equal(clip.frames, again.frames)


@pytest.mark.parametrize("size", [(192, 138), (138, 192)])
def test_a_size_between_multiples_is_the_middle_of_a_larger_clip(size: tuple[int, int]):
    clip = tiny.engine().generate(request(width=size[0], height=size[1]))
    wide, high = (-(-side // 32) * 32 for side in size)
    larger = tiny.engine().generate(request(width=wide, height=high)).frames
    left, top = (wide - size[0]) // 2, (high - size[1]) // 2
    middle = larger[:, top : top + size[1], left : left + size[0]]
    assert np.array_equal(clip.frames, middle)


def test_a_square_between_multiples_has_its_size():
    assert tiny.engine().generate(request(width=150, height=150)).frames.shape[1:3] == (150, 150)


def test_the_pipeline_stays_resident():
    before = tiny.backend().pipeline
    tiny.engine().generate(request())
    assert tiny.backend().pipeline is before


def test_a_file_holds_the_frames_of_the_clip(tmp_path: Path):
    clip = tiny.engine().generate(request())
    made = tiny.engine().write(request(), tmp_path / "frames")
    first = sorted(made.path.glob("*.png"))[0]
    assert made.file.has_sound
    from ltxserve.media.decode import read_image

    assert np.array_equal(read_image(first), clip.frames[0])


def test_cancelling_stops_within_the_step(tmp_path: Path):
    diary = Diary(("denoise", 2), cancel)
    with pytest.raises(Cancelled):
        tiny.engine().write(request(num_inference_steps=5), tmp_path / "a.mp4", diary)
    assert diary.steps("denoise") == [(0, 5), (1, 5), (2, 5)]
    assert diary.stages[-1] == "denoise"
    assert not list(tmp_path.iterdir())


def test_a_video_of_another_model_is_not_confused_with_this_one():
    with pytest.raises(LtxserveError) as caught:
        tiny.engine().backend("no-such-model")
    assert caught.value.code == "unknown_model"


def test_playback_keeps_the_rate_that_was_asked_for(tmp_path: Path):
    made = tiny.engine().write(request(fps=40), tmp_path / "a.mp4")
    video = read_video(made.path)
    assert (len(video.frames), video.fps) == (9, 40)
    assert read_sound(made.path).seconds == pytest.approx(9 / 40, abs=1e-3)
