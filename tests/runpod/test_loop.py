"""The real SDK's worker loop, driven by a platform on loopback: one worker for all of these."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ltxserve.media.probe import probe
from tests.runpod.asking import SMALL, asked, new_id
from tests.runpod.platform import Platform, Running, wait_until_gone, worker


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Platform() as served:
        yield served


@pytest.fixture(scope="module", autouse=True)
def busy(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker for the module; told to end while it waits for work, it does so at once."""
    with worker(platform, tmp_path_factory.mktemp("worker")) as running:
        yield running
        running.stop()
        assert running.left() == 0
        wait_until_gone(running.process.pid)


def test_a_clip_comes_back_inline_with_all_that_is_known_of_it(platform: Platform, tmp_path: Path):
    told = platform.run(new_id(), asked(seed=7))
    output = told.output
    assert "error" not in told.body
    assert (output["ok"], output["mode"], output["video_url"]) == (True, "t2v", None)
    content = base64.b64decode(output["video"]["base64"])
    assert hashlib.sha256(content).hexdigest() == output["video"]["sha256"]
    assert output["meta"]["sha256"] == output["video"]["sha256"]
    (tmp_path / "clip.mp4").write_bytes(content)
    info = probe(tmp_path / "clip.mp4").video
    assert info is not None
    meta = output["meta"]
    assert (meta["seed"], meta["fps"], meta["num_frames"]) == (7, 24.0, 9)
    assert (meta["width"], meta["height"]) == (info.width, info.height) == (128, 128)
    assert meta["model"] == "tiny"
    assert meta["revision"]
    assert {"denoise", "decode_video", "encode_file", "store"} <= set(meta["timings"])
    assert meta["inference_seconds"] >= 0


def test_every_problem_in_one_failure(platform: Platform):
    given = {
        "prompt": "a ball",
        "width": 130_000,
        "steps": "many",
        "fps": 1000,
        "odd": 1,
        "mode": "i2v",
        "seed": -1,
        "file_name": "../x.mp4",
    }
    told = platform.run(new_id(), given)
    assert told.body["error"].startswith("request_refused: The request has ")
    fields = {problem["field"] for problem in told.output["problems"]}
    assert fields >= {"steps", "fps", "odd", "mode", "seed", "file_name"}
    assert fields & {"width", "size"}
    assert told.output["ok"] is False
    assert told.output["retryable"] is False


@pytest.mark.parametrize("given", [{}, {"input": {}}, {"prompt": None}, {"prompt": ["a"]}])
def test_odd_inputs_are_refused_and_the_worker_lives(platform: Platform, given: dict[str, Any]):
    assert platform.run(new_id(), given).output["error_code"] == "request_refused"


@pytest.mark.parametrize("given", ["text", [], 7])
def test_an_input_that_is_no_object(platform: Platform, given: Any):
    assert platform.run(new_id(), given).output["error_code"] == "request_refused"


def test_half_a_character_does_not_lose_the_answer(platform: Platform):
    told = platform.run(new_id(), {"prompt": "a", "\ud800": "\udfff", **SMALL})
    assert told.output["error_code"] == "request_refused"
    assert platform.run(new_id(), asked("half \ud83d a smile")).body


def test_an_error_nobody_expected_is_told_without_its_trace(platform: Platform):
    told = platform.run(new_id(), asked("bug"))
    assert told.body["error"].startswith("generation_failed: ")
    assert "Traceback" not in json.dumps(told.body)
    assert "/ltxserve/" not in json.dumps(told.body)


def test_out_of_memory_gives_advice_and_the_next_job_runs(platform: Platform):
    told = platform.run(new_id(), asked("oom"))
    assert told.body["error"] == (
        "out_of_memory: The device ran out of memory. "
        "Use a smaller size, fewer frames, or low_vram."
    )
    assert "stopPod" not in told.body
    assert platform.run(new_id(), asked()).output["ok"] is True


def test_a_job_in_the_queue_is_cancelled_without_a_trace(platform: Platform, tmp_path: Path):
    go = tmp_path / "go"
    first = platform.submit(new_id(), asked(f"hold={go}"))
    platform.running(first)
    second = platform.submit(new_id(), asked())
    platform.cancel(second)
    go.touch()
    platform.ended(first)
    platform.run(new_id(), asked())
    assert second not in platform.taken
    assert platform.ends(second) == []


def test_a_running_job_stops_within_a_step_and_says_nothing_more(
    platform: Platform, tmp_path: Path
):
    diary = tmp_path / "diary"
    job = platform.submit(new_id(), asked(f"hold={tmp_path / 'never'} diary={diary}", steps=9))
    platform.running(job)
    platform.cancel(job)
    platform.run(new_id(), asked())  # nobody waits for the one that was cancelled
    assert diary.read_text().splitlines() == ["step 1", "Cancelled"]
    assert platform.ends(job) == []


def test_progress_is_numbered_in_order_and_ends_before_the_result(
    platform: Platform, tmp_path: Path
):
    go = tmp_path / "go"
    job = platform.submit(new_id(), asked(f"hold={go}", steps=3))
    platform.wait(lambda: len(platform.progress(job)) >= 2, "two updates")
    go.touch()
    platform.ended(job)
    platform.run(new_id(), asked())  # whatever was late has come by now
    told = [t for t in platform.told if t.job == job]
    assert [t.is_progress for t in told] == [True] * (len(told) - 1) + [False]
    updates = platform.progress(job)
    assert [update["seq"] for update in updates] == list(range(1, len(updates) + 1))
    percents = [update["percent"] for update in updates]
    assert percents == sorted(percents)
    assert percents[-1] < 100
    assert {"stage", "step", "of"} <= set(updates[-1])


def test_a_result_whose_post_fails_twice_arrives(platform: Platform):
    platform.faults[:] = [500, 503]
    assert platform.run(new_id(), asked()).output["ok"] is True


def test_a_lost_result_is_given_again_when_the_job_is_sent_again(
    platform: Platform, tmp_path: Path
):
    job, given = new_id(), asked(f"diary={tmp_path / 'diary'}", seed=3)
    platform.faults[:] = [500, 500, 500]
    platform.submit(job, given)
    platform.wait(lambda: len([t for t in platform.told if t.job == job]) >= 3, "three tries")
    platform.run(new_id(), asked())
    assert platform.ends(job) == []
    assert platform.run(job, given).output["meta"]["seed"] == 3
    assert (tmp_path / "diary").read_text().count("step 1") == 1, "it was made twice"


def test_a_result_that_is_too_large_says_what_to_configure(platform: Platform):
    big = asked("noise", width=512, height=512, num_frames=25, output_format="png")
    told = platform.run(new_id(), big)
    assert told.output["error_code"] == "result_too_large"
    assert "SUPABASE_URL" in told.body["error"]
    assert platform.run(new_id(), asked()).output["ok"] is True


def test_several_prompts_in_one_job(platform: Platform):
    given = {**SMALL, "prompts": ["a red ball", "a blue star"], "seed": 5}
    output = platform.run(new_id(), given).output
    assert output["ok"] is True
    assert [clip["meta"]["seed"] for clip in output["clips"]] == [5, 6]
    assert len({clip["video"]["sha256"] for clip in output["clips"]}) == 2


def test_of_several_clips_one_may_fail(platform: Platform):
    output = platform.run(new_id(), {**SMALL, "prompts": ["a", "oom", "b"]}).output
    assert [clip["ok"] for clip in output["clips"]] == [True, False, True]
    assert output["clips"][1]["error_code"] == "out_of_memory"
    told = platform.run(new_id(), {**SMALL, "prompts": ["oom", "a oom"]})
    assert told.body["error"].startswith("out_of_memory: ")
    told = platform.run(new_id(), {**SMALL, "prompts": ["a", "oom"], "stitch": {}})
    assert told.output["error_code"] == "out_of_memory"


def test_prompts_joined_and_clips_joined(platform: Platform):
    given = {**SMALL, "prompts": ["a", "b"], "stitch": {"transition": {"kind": "cut"}}}
    both = platform.run(new_id(), given).output
    assert (both["mode"], both["meta"]["num_frames"]) == ("stitch", 18)
    source = f"data:video/mp4;base64,{both['video']['base64']}"
    given = {"stitch": {"clips": [{"source": source}, {"source": source, "end_frame": 9}]}}
    joined = platform.run(new_id(), given).output
    assert (joined["mode"], joined["meta"]["num_frames"]) == ("stitch", 27)


def test_a_stitch_of_what_cannot_be_read(platform: Platform):
    given = {"stitch": {"clips": [{"source": "file:///etc/passwd"}, {"source": "x.mp4"}]}}
    told = platform.run(new_id(), given)
    codes = [problem["code"] for problem in told.output["problems"]]
    assert codes == ["source_invalid", "source_invalid"]


def test_work_of_a_service_needs_its_store(platform: Platform):
    work = {"job_id": "j", "attempt": 1, "payload": {"request": {}}}
    told = platform.run(new_id(), {"work": work})
    assert told.output["error_code"] == "settings_invalid"
    assert "LTXSERVE_STORE" in told.output["hint"]


def test_pings_name_the_job_that_runs(platform: Platform, tmp_path: Path):
    go = tmp_path / "go"
    job = platform.submit(new_id(), asked(f"hold={go}"))
    platform.wait(lambda: job in platform.pings, "a ping")
    go.touch()
    assert platform.ended(job).output["ok"] is True
