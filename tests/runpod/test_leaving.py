"""How a worker ends: told to, killed, with a broken device, without its model. Each its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runpod.asking import asked, new_id
from tests.runpod.platform import Platform, wait_until_gone, worker


@pytest.fixture
def platform() -> Iterator[Platform]:
    with Platform() as served:
        yield served


def test_a_broken_device_is_answered_and_a_fresh_worker_takes_over(
    platform: Platform, tmp_path: Path
):
    with worker(platform, tmp_path) as first:
        told = platform.run(new_id(), asked("poison"))
        assert told.body["error"].startswith("device_broken: ")
        assert told.body["stopPod"] is True
        assert told.output["retryable"] is True
        waiting = platform.submit(new_id(), asked())
        assert first.left() == 0
        assert waiting not in platform.taken, "the broken worker took another job"
        wait_until_gone(first.process.pid)
    with worker(platform, tmp_path):
        assert platform.ended(waiting).output["ok"] is True


def test_told_to_end_it_finishes_its_job_and_leaves_the_next_one(
    platform: Platform, tmp_path: Path
):
    go = tmp_path / "go"
    with worker(platform, tmp_path) as running:
        job = platform.submit(new_id(), asked(f"hold={go}"))
        platform.running(job)
        waiting = platform.submit(new_id(), asked())
        running.stop()
        go.touch()
        assert platform.ended(job).output["ok"] is True
        assert running.left() == 0
        assert waiting not in platform.taken
        wait_until_gone(running.process.pid)
        assert list(tmp_path.glob("ltxserve-worker-*")) == []


def test_polls_that_are_held_open_hold_nothing_up(tmp_path: Path):
    with Platform(hold=600.0) as platform, worker(platform, tmp_path) as running:
        assert platform.run(new_id(), asked()).output["ok"] is True
        platform.wait(lambda: len(platform.pings) > 1, "a ping")
        running.stop()
        assert running.left() == 0
    with Platform(hold=600.0) as platform, worker(platform, tmp_path) as running:
        assert platform.run(new_id(), asked("poison")).body["stopPod"] is True
        assert running.left() == 0


def test_without_time_to_finish_the_job_is_sent_back(platform: Platform, tmp_path: Path):
    with worker(platform, tmp_path, LTXSERVE_SHUTDOWN_SECONDS="0.2") as running:
        job = platform.submit(new_id(), asked(f"hold={tmp_path / 'never'}"))
        platform.running(job)
        running.stop()
        told = platform.ended(job)
        assert told.output["error_code"] == "worker_lost"
        assert told.output["retryable"] is True
        assert running.left() == 0


def test_killed_it_says_nothing_more_so_that_the_platform_notices(
    platform: Platform, tmp_path: Path
):
    with worker(platform, tmp_path) as running:
        job = platform.submit(new_id(), asked(f"hold={tmp_path / 'never'}"))
        platform.wait(lambda: job in platform.pings, "a ping")
        running.stop(signal.SIGKILL)
        assert running.left() == -signal.SIGKILL
        wait_until_gone(running.process.pid)  # the process that pings, too
        assert platform.ends(job) == []
    with worker(platform, tmp_path):
        again = platform.run(job, asked())  # the platform hands it out again
        assert again.output["ok"] is True
        assert len(list(tmp_path.glob("ltxserve-worker-*"))) == 1, "what it left was not swept up"


def test_without_its_model_it_takes_no_job_and_says_why(platform: Platform, tmp_path: Path):
    waiting = platform.submit(new_id(), asked())
    with worker(platform, tmp_path, MODEL_NAME="Lightricks/LTX-2") as running:
        code = running.left()
        words = running.words()
    assert code == 1
    assert "the worker cannot start: " in words
    assert "Traceback" not in words
    assert waiting not in platform.taken


def test_out_of_memory_again_and_again_is_ended_by_a_fresh_process(
    platform: Platform, tmp_path: Path
):
    with worker(platform, tmp_path) as running:
        told = [platform.run(new_id(), asked("oom")) for _ in range(3)]
        assert [t.body.get("stopPod", False) for t in told] == [False, False, True]
        assert running.left() == 0
