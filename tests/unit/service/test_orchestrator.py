"""One orchestrator works, the next one waits for the lock; width follows the pool."""

from pathlib import Path

import pytest

from ltxserve.app import create_app
from ltxserve.jobs.states import JobState
from tests.contracts.pools import until
from tests.services import SECONDS, service, settings_for, submit, tuned, wait_for


def test_the_second_waits_and_takes_over(tmp_path: Path) -> None:
    with service(tmp_path) as first:
        assert first.orchestrator is not None
        assert first.orchestrator.wait_active(SECONDS)
        # The engine is one per process: the second one's part here is to wait for the lock.
        second = create_app(settings_for(tmp_path), "orchestrator", tuned())
        second.start()
        assert second.orchestrator is not None
        try:
            done = wait_for(first, submit(first, "steps=1"))
            assert done.state is JobState.SUCCEEDED
            assert not second.orchestrator.is_active
            first.orchestrator.close(grace=0.0)
            assert second.orchestrator.wait_active(SECONDS)
            assert wait_for(first, submit(first, "steps=1")).state is JobState.SUCCEEDED
        finally:
            second.close(grace=0.0)


def test_a_lock_that_cannot_be_looked_at_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings_for(tmp_path), "orchestrator", tuned())
    in_the_way = Path(f"{app.database.url.database}.orchestrator")
    in_the_way.mkdir()
    app.start()
    try:
        until(lambda: "the orchestrator broke" in caplog.text)
        in_the_way.rmdir()
        assert app.orchestrator is not None
        assert app.orchestrator.wait_active(SECONDS)
    finally:
        app.close(grace=0.0)


def test_an_api_alone_only_takes_jobs(tmp_path: Path) -> None:
    front = create_app(settings_for(tmp_path), "api")
    front.start()
    try:
        assert front.pool is None
        assert front.orchestrator is None
        job = submit(front, "steps=1")
        with service(tmp_path):
            assert wait_for(front, job).state is JobState.SUCCEEDED
    finally:
        front.close()
