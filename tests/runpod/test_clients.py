"""Who talks to the endpoint: the official client, and a service of ours whose pool it is."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import runpod

from ltxserve.pool.base import Patience, Report, Work
from ltxserve.pool.runpod import RunPodPool
from ltxserve.pool.runpod_api import Endpoint
from ltxserve.storage.supabase import SupabasePlace, SupabaseStore
from tests.clocks import Shifted
from tests.contracts.supabase import Supabase
from tests.runpod.asking import asked
from tests.runpod.platform import PATIENCE, Platform, worker

KEY = "sb_secret_test"


@pytest.fixture(scope="module")
def project() -> Iterator[Supabase]:
    with Supabase(KEY, Shifted()) as served:
        yield served


@pytest.fixture(scope="module")
def platform(project: Supabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    names = {
        "SUPABASE_URL": project.url,
        "SUPABASE_SERVICE_ROLE_KEY": KEY,
        "SUPABASE_BUCKET": "vids",
    }
    with Platform() as served, worker(served, tmp_path_factory.mktemp("worker"), **names):
        yield served


@pytest.fixture
def endpoint(platform: Platform) -> Iterator[Any]:
    """The official client; it reads its address from a variable of its module."""
    before = runpod.endpoint_url_base
    runpod.endpoint_url_base = f"{platform.url}/v2"
    made = runpod.Endpoint("ep1", api_key="rpa_test")
    yield made
    made.rp_client.rp_session.close()
    runpod.endpoint_url_base = before


def test_the_official_client_gets_its_clip(endpoint: Any):
    output = endpoint.run_sync({"input": asked(return_base64=True)}, timeout=int(PATIENCE))
    assert base64.b64decode(output["video"]["base64"])[4:8] == b"ftyp"
    assert output["supabase"]["bucket"] == "vids"


def test_the_official_client_sees_why_a_job_failed(endpoint: Any):
    run = endpoint.run(asked("oom"))
    output = run.output(timeout=int(PATIENCE))
    assert run.status() == "FAILED"
    # The client drops `error` of a failed job: what it shows has to say everything.
    assert (output["ok"], output["error_code"]) == (False, "out_of_memory")
    assert "fewer frames" in output["hint"]


@pytest.fixture
def pool(platform: Platform, tmp_path: Path) -> Iterator[RunPodPool]:
    where = Endpoint.of(f"runpod://ep1?slots=1&api={platform.url}/v2")
    made = RunPodPool(where, "rpa_test", Patience(), tmp_path)
    yield made
    made.close()


def work(job_id: str, prompt: str) -> Work:
    request = {"prompt": prompt, "width": 128, "height": 128, "num_frames": 9, "seed": 1}
    payload = {
        "account_id": "acc",
        "job_id": job_id,
        "attempt": 1,
        "kind": "generation",
        "request": request,
    }
    return Work(job_id, 1, payload)


def until(pool: RunPodPool, job_id: str, state: str = "") -> Report:
    """The report once it has ended, or tells of progress where no state is waited for."""
    report = pool.poll(job_id)
    for _ in range(int(PATIENCE / 0.1)):
        if report.state == state or (not state and report.updates):
            break
        assert report.state in ("running", state), report.error
        threading.Event().wait(0.1)
        report = pool.poll(job_id)
    return report


def test_a_services_work_is_done_and_its_clip_is_in_the_common_store(
    pool: RunPodPool, project: Supabase
):
    pool.start(work("job1", "a ball"))
    report = until(pool, "job1", "succeeded")
    assert report.result is not None
    video = report.result["artifacts"]["video"]
    store = SupabaseStore(SupabasePlace(project.url, KEY, "vids", "", False))
    stored = store.stat(video["key"])
    store.close()
    assert stored is not None
    assert (video["key"], stored.sha256) == ("acc/job1/1/video.mp4", video["sha256"])


def test_a_services_work_that_fails_says_so_in_its_own_words(pool: RunPodPool):
    pool.start(work("job2", "oom"))
    error = until(pool, "job2", "failed").error or {}
    assert error["code"] == "out_of_memory"
    assert error["message"] == "The device ran out of memory."
    assert "fewer frames" in error["hint"]


def test_a_service_sees_steps_and_can_cancel(pool: RunPodPool, tmp_path: Path):
    diary = tmp_path / "diary"
    pool.start(work("job3", f"hold={tmp_path / 'never'} diary={diary}"))
    report = until(pool, "job3")
    assert report.updates[-1]["stage"]
    pool.cancel("job3")
    error = until(pool, "job3", "failed").error or {}
    assert error["code"] == "cancelled"
    pool.start(work("job4", "a ball"))
    until(pool, "job4", "succeeded")
    assert diary.read_text().endswith("Cancelled\n")
