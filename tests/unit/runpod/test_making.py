"""A job from its input to its output, over an engine that costs nothing."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltxserve.engine.engine import Engine
from ltxserve.errors import CODES, Cancelled, GenerationFailed, LtxserveError, RequestRefused
from ltxserve.media.probe import probe
from ltxserve.runpod.making import Maker, Order, Workshop, is_pooled
from ltxserve.runpod.outputs import Outputs
from ltxserve.runpod.words import ALIASES, NATIVE, Extras
from ltxserve.service.scratch import Scratch
from tests.guards.tree import run_python
from tests.runpod.asking import SMALL, asked
from tests.tiny import disc, saved
from tests.unit.engine.fakes import Loader


class Bench:
    """A maker, what it told, and the fake that it runs. act: done at every step."""

    def __init__(self, folder: Path, act: Callable[[int], None] = lambda step: None) -> None:
        self.loader = Loader(act)
        self.told: list[dict[str, Any]] = []
        self.pooled: list[dict[str, Any]] = []
        self.scratch = Scratch(folder)
        shop = Workshop(
            Engine(create=self.loader), Outputs(None), self.scratch, "tiny", lambda name: "r1"
        )
        self.maker = Maker(shop, self.pool)

    def pool(self, payload: dict[str, Any], tell: Any) -> dict[str, Any]:
        self.pooled.append(payload)
        return {"artifacts": {}}

    def make(self, given: Any, job_id: str = "j", s3: Any = None) -> dict[str, Any]:
        return self.maker(Order(job_id, given, s3), lambda update: self.told.append(dict(update)))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    assert [item.name for item in made.scratch.folder.iterdir()] == ["lock"], "files were left"
    made.scratch.close()


def picture(tmp_path: Path) -> str:
    return base64.b64encode(Path(saved(disc(), tmp_path / "a.png")).read_bytes()).decode()


def test_text_and_picture(bench: Bench, tmp_path: Path):
    assert bench.make(asked())["mode"] == "t2v"
    output = bench.make(asked(image_base64=picture(tmp_path), mode="i2v"))
    assert output["mode"] == "i2v"
    _, _, conditions = bench.loader.last.ran[-1]
    assert [(one.frame, one.strength) for one in conditions] == [(0, 1.0)]
    assert output["meta"]["revision"] == "r1"
    assert output["warnings"] == ["The fake is grey."]


@pytest.mark.parametrize(
    ("words", "media_type", "start"),
    [
        ({"output_format": "webm"}, "video/webm", b"\x1aE\xdf\xa3"),
        ({"output_format": "gif"}, "image/gif", b"GIF8"),
        ({"output_format": "png"}, "application/zip", b"PK"),
        ({"output": {"format": "mp4"}}, "video/mp4", b"\x00\x00\x00"),
    ],
)
def test_formats(bench: Bench, words: dict[str, Any], media_type: str, start: bytes):
    video = bench.make(asked(**words))["video"]
    assert video["content_type"] == media_type
    assert base64.b64decode(video["base64"]).startswith(start)


def test_the_seed_is_random_or_counts_up(bench: Bench):
    seeds = {bench.make(asked(seed=None))["meta"]["seed"] for _ in range(2)}
    assert len(seeds) == 2
    output = bench.make({**SMALL, "prompts": ["a", "b", "c"], "seed": 2**63 - 2})
    assert [clip["meta"]["seed"] for clip in output["clips"]][:2] == [2**63 - 2, 2**63 - 1]


def test_problems_of_reading_planning_and_delivery_come_together(bench: Bench):
    with pytest.raises(RequestRefused) as refused:
        bench.make({"prompts": ["a", ""], "odd": 1, "width": 7, "steps": 999, "upload_url": "x"})
    fields = {problem.field for problem in refused.value.problems}
    assert {"odd", "steps", "upload_url", "prompts"} <= fields
    assert bench.loader.made == [], "the model was loaded for nothing"


def test_sources_are_had_before_the_model_runs(bench: Bench):
    with pytest.raises(RequestRefused) as refused:
        bench.make(asked(image_url="http://127.0.0.1/a.png"))
    [problem] = refused.value.problems
    assert (problem.field, problem.code) == ("image_url", "url_refused")


@pytest.mark.parametrize("way", ["video_to_video", "extend", "sound"])
def test_no_file_of_this_machine_is_looked_at(bench: Bench, tmp_path: Path, way: str):
    made = bench.make(asked())
    (tmp_path / "mine.mp4").write_bytes(base64.b64decode(made["video"]["base64"]))
    more = {"seconds": 1} if way == "extend" else {}
    for source in (str(tmp_path / "mine.mp4"), str(tmp_path / "none.mp4")):
        with pytest.raises(RequestRefused) as refused:
            bench.make({"prompt": "x", way: {"source": source, **more}})
        assert {(p.field, p.code) for p in refused.value.problems} == {
            (f"{way}.source", "source_invalid")
        }


def test_a_video_is_made_over_and_gone_on_from(bench: Bench):
    uri = f"data:video/mp4;base64,{bench.make(asked())['video']['base64']}"
    over = bench.make({"prompt": "x", "video_url": uri, "strength": 0.5, "steps": 2})
    assert (over["mode"], over["meta"]["width"], over["meta"]["num_frames"]) == ("v2v", 128, 9)
    on = bench.make({"prompt": "x", "extend": {"source": uri, "num_frames": 16}, "steps": 2})
    assert (on["mode"], on["meta"]["width"]) == ("extend", 128)
    assert on["meta"]["num_frames"] > 9


def test_an_unknown_model_or_preset(bench: Bench):
    for words in ({"model": "nope"}, {"preset": "nope"}):
        with pytest.raises(RequestRefused) as refused:
            bench.make(asked(**words))
        assert refused.value.codes == (f"unknown_{next(iter(words))}",)


def test_runpods_own_bucket_words_are_read(bench: Bench):
    with pytest.raises(RequestRefused) as refused:
        bench.make(asked(), s3={"endpointUrl": "ftp://x", "bucketName": "b"})
    assert all(str(problem.field).startswith("s3") for problem in refused.value.problems)


def test_progress_rises_over_all_clips(bench: Bench):
    bench.make({**SMALL, "prompts": ["a", "b"]})
    percents = [update["percent"] for update in bench.told]
    assert percents == sorted(percents)
    assert percents[-1] == 99
    assert {update.get("clip") for update in bench.told} >= {1, 2}


def test_clips_are_joined(bench: Bench, tmp_path: Path):
    first = bench.make(asked(seed=1))
    uri = f"data:video/mp4;base64,{first['video']['base64']}"
    clips = [{"source": uri}, {"source": uri, "end_frame": 5}]
    output = bench.make({"stitch": {"clips": clips}})
    assert (output["mode"], output["meta"]["num_frames"], output["meta"]["seed"]) == (
        "stitch",
        14,
        None,
    )
    (tmp_path / "x.mp4").write_bytes(base64.b64decode(output["video"]["base64"]))
    info = probe(tmp_path / "x.mp4").video
    assert info is not None
    assert info.num_frames == 14
    words = {"stitch": {}, "seed": 4, "output_format": "webm"}
    made = bench.make({**SMALL, "prompts": ["a", "b"], **words})
    assert made["video"]["content_type"] == "video/webm"
    assert made["meta"]["num_frames"] == 18
    assert [clip["seed"] for clip in made["meta"]["clips"]] == [4, 5]


def test_a_film_that_lacks_a_part_is_not_gone_on_with(tmp_path: Path):
    def act(step: int) -> None:
        raise GenerationFailed("generation_failed", "A.", "B.")

    bench = Bench(tmp_path, act)
    with pytest.raises(GenerationFailed):
        bench.make({**SMALL, "prompts": ["a", "b", "c"], "stitch": {}})
    assert len(bench.loader.last.ran) == 1


def test_a_stitch_has_its_own_problems(bench: Bench):
    with pytest.raises(RequestRefused) as refused:
        bench.make({"stitch": {"clips": [{"source": "x", "speed": 99}], "odd": 1}, "odd": 2})
    assert {"odd", "stitch.odd"} <= {problem.field for problem in refused.value.problems}
    with pytest.raises(RequestRefused) as refused:
        bench.make({**SMALL, "prompts": ["a", "b"], "stitch": {"loudness": 99}})
    assert {problem.field for problem in refused.value.problems} == {"stitch.loudness"}
    assert bench.loader.made == [], "clips were made that cannot be joined"


def test_cancelled_it_stops_at_once_and_leaves_nothing(bench: Bench):
    def tell(update: Any) -> None:
        if update["stage"] == "denoise":
            raise Cancelled()

    with pytest.raises(Cancelled):
        bench.maker(Order("j", asked(steps=9)), tell)


def test_work_of_a_service_goes_to_its_own_body(bench: Bench):
    payload = {"request": {"prompt": "x"}}
    work = {"work": {"job_id": "j", "attempt": 1, "payload": payload}}
    assert bench.make(work) == {"artifacts": {}}
    assert bench.pooled == [payload]
    assert not is_pooled({"work": 1})
    assert not is_pooled({"work": {"payload": {}}, "prompt": "x"})
    with pytest.raises(LtxserveError):
        bench.make({"work": 1})


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 200),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["data:,", "data:image/png;base64,AA", "http://", "http://127.0.0.1/", "/a"]),
    st.lists(st.sampled_from([{}, {"source": "x"}, {"source": 1}, "x", 3]), max_size=2),
    st.dictionaries(st.sampled_from(["clips", "kind", "source", "format"]), st.text(), max_size=2),
)
FIELDS = sorted({*NATIVE, *Extras.model_fields, *ALIASES, "work", "odd"} - {"prompts"})


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=5))
def test_odd_inputs_by_the_hundred_are_refused_by_code(words: dict[str, Any]):
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        try:
            code = str(bench.make({"prompt": "x", **SMALL, "steps": 1, **words}).get("error"))
        except LtxserveError as error:
            code = error.code
        assert code in {*CODES, "None"}
        assert list(bench.scratch.folder.iterdir()) == [bench.scratch.folder / "lock"]
        bench.scratch.close()


@pytest.mark.parametrize(
    ("words", "stage"),
    [
        ({"stitch": {"clips": [{"source": f"data:,{n}"} for n in range(3)]}}, "fetch"),
        ({"prompts": ["a", "b", "c"], **SMALL}, "store"),
    ],
)
def test_cancelled_it_brings_no_more_sources_and_gives_no_more_clips(
    bench: Bench, words: dict[str, Any], stage: str
):
    def tell(update: Mapping[str, Any]) -> None:
        bench.told += [dict(update)] if update["stage"] == stage else []
        if len(bench.told) == 2:
            raise Cancelled()

    with pytest.raises(Cancelled):
        bench.maker(Order("j", words), tell)
    assert len(bench.told) == 2


COUNT_WAITS = """
import os, sys
from pathlib import Path
from tests.runpod.asking import asked, SMALL
from tests.unit.runpod.test_making import Bench

waits = []
os.fsync = waits.append
bench = Bench(Path(sys.argv[1]))
bench.make(asked())
bench.make({**SMALL, "prompts": ["a", "b"], "stitch": {"reencode": True}})
print(len(waits))
"""


def test_nobody_waits_for_the_disk_for_files_that_are_given_away(tmp_path: Path):
    run = run_python(COUNT_WAITS, str(tmp_path))
    assert run.stdout.strip() == "0", run.stderr
