"""One run: its order, its seed, what is refused before the model is loaded, and fitting."""

import dataclasses
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.base import Backend, Placement
from ltxserve.engine.plan import Plan, plan
from ltxserve.engine.run import SEEDS, Run
from ltxserve.errors import MediaError
from ltxserve.media.encode import write_video
from ltxserve.types import GenerationRequest
from tests.tiny import SPEC, Diary, disc, planned, request, saved
from tests.unit.engine.fakes import Loader
from tests.unit.media.samples import moving_clip, target


class Bench:
    """A run with a fake backend, and when the backend was asked for."""

    def __init__(self, made: Plan) -> None:
        self.diary = Diary()
        self.loader = Loader()
        self.run = Run(made, self._backend, self.diary)

    def _backend(self, model: str) -> Backend:
        assert model == "tiny"
        return self.loader(load_catalog().model(model), Placement())

    def frames(self) -> np.ndarray:
        return np.concatenate(list(self.run.frames()))


def test_nothing_happens_before_frames_are_asked_for():
    bench = Bench(planned())
    chunks = bench.run.frames()
    assert not bench.diary.told
    next(chunks)
    assert bench.loader.made


def test_the_stages_come_in_order(tmp_path: Path):
    bench = Bench(planned(conditions=[{"source": saved(disc(), tmp_path / "a.png")}]))
    bench.frames()
    assert bench.run.sound() is not None
    stages = ["read_conditions", "load", "denoise", "decode_video", "decode_audio"]
    assert bench.diary.stages == stages
    assert bench.diary.steps("decode_video") == [(0, 9), (8, 9), (9, 9)]
    assert list(bench.run.report().timings) == stages


def test_conditions_are_read_before_the_model_is_loaded(tmp_path: Path):
    broken = tmp_path / "a.png"
    broken.write_bytes(b"no picture")
    good = saved(disc(), tmp_path / "b.png")
    bench = Bench(planned(conditions=[{"source": good}, {"source": str(broken), "frame": -1}]))
    with pytest.raises(MediaError) as caught:
        bench.frames()
    assert (caught.value.code, caught.value.field) == ("media_unreadable", "conditions.1.source")
    assert not bench.loader.made


def test_conditions_reach_the_backend_in_order(tmp_path: Path):
    sources = [saved(disc(), tmp_path / f"{name}.png") for name in "ab"]
    bench = Bench(
        planned(
            conditions=[
                {"source": sources[0], "frame": -1, "strength": 0.5},
                {"source": sources[1]},
            ]
        )
    )
    bench.frames()
    _, _, conditions = bench.loader.last.ran[0]
    assert [(c.frame, c.strength) for c in conditions] == [(8, 0.5), (0, 1.0)]


def test_the_seed_is_the_plans_or_a_random_one_that_is_reported():
    given = Bench(planned(seed=2**63 - 1))
    given.frames()
    assert given.run.report().seed == given.run.report().plan.seed == 2**63 - 1
    random = [Run(planned(seed=None), lambda name: Loader().last, Diary()).seed for _ in range(8)]
    assert len(set(random)) > 1
    assert all(0 <= seed < SEEDS for seed in random)


def test_the_backend_runs_the_seed_that_is_reported():
    bench = Bench(planned(seed=None))
    bench.frames()
    made, seed, _ = bench.loader.last.ran[0]
    assert seed == made.seed == bench.run.report().seed


@pytest.mark.parametrize(("size", "fit"), [((150, 140), "crop"), ((128, 160), "none")])
def test_frames_have_exactly_the_size_that_was_asked_for(size: tuple[int, int], fit: str):
    request = GenerationRequest(prompt="a ball", width=size[0], height=size[1], num_frames=9)
    made = plan(request, load_catalog())
    assert made.fit == fit
    assert Bench(made).frames().shape == (9, size[1], size[0], 3)


def test_where_the_rate_is_doubled_later_conditions_have_half_of_it(tmp_path: Path):
    frames = moving_clip(9, 128, 128)
    source = tmp_path / "source.mp4"
    write_video([frames], target(source, frames, Fraction(24)), None)
    able = dataclasses.replace(SPEC.supports, upscale_temporal=True)
    row = dataclasses.replace(SPEC, supports=able)
    models = {**load_catalog().models, SPEC.name: row}
    catalog = dataclasses.replace(load_catalog(), models=MappingProxyType(models))
    asked = {"num_frames": 33, "fps": 48.0, "upscale": {"temporal": True}}
    conditions = [{"source": str(source), "frame": 16}]
    bench = Bench(plan(request(conditions=conditions, **asked), catalog))
    assert len(bench.frames()) == 33
    ((_, _, (shown,)),) = bench.loader.last.ran
    assert (shown.frame, len(shown.frames)) == (8, 9)


def test_a_silent_plan_makes_no_sound():
    bench = Bench(planned(audio=False))
    bench.frames()
    assert bench.run.sound() is None
    assert "decode_audio" not in bench.diary.stages


def test_warnings_of_plan_and_backend_come_once_each():
    bench = Bench(planned(fps=12))
    bench.frames()
    warnings = bench.run.report().warnings
    assert warnings[-1] == "The fake is grey."
    assert len(set(warnings)) == len(warnings) > 1


def test_a_report_of_a_run_that_never_began_is_empty():
    report = Bench(planned()).run.report()
    assert (report.timings, report.peak_memory, report.seconds) == ({}, 0, 0)
