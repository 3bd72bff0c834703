"""A worker with a Supabase project and another with nothing but what its callers give it; the
real loop, real files, and what a service's pool of this endpoint gets."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ltxserve.storage.supabase import SupabasePlace, SupabaseStore
from tests.clocks import Shifted
from tests.contracts.supabase import Supabase
from tests.loopback import Loopback, Reply, Request
from tests.runpod.asking import SMALL, asked, new_id
from tests.runpod.platform import Platform, worker
from tests.tiny import disc, saved

KEY = "sb_secret_test"


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Platform() as served:
        yield served


@pytest.fixture(scope="module")
def files() -> Iterator[Loopback]:
    """Somebody's server: takes what is PUT, and gives it."""
    kept: dict[str, bytes] = {}

    def answer(asked: Request) -> Reply:
        if asked.method == "PUT":
            kept[asked.path] = asked.body
            return Reply(200)
        return Reply(200, kept[asked.path]) if asked.path in kept else Reply(404)

    with Loopback(answer) as server:
        yield server


@pytest.fixture(scope="module")
def project() -> Iterator[Supabase]:
    with Supabase(KEY, Shifted()) as served:
        yield served


@pytest.fixture(scope="module", autouse=True)
def busy(
    platform: Platform,
    project: Supabase,
    files: Loopback,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    names = {
        "SUPABASE_URL": f"{project.url}/",
        "SUPABASE_SERVICE_ROLE_KEY": KEY,
        "SUPABASE_BUCKET": "vids",
        "SUPABASE_PREFIX": "clips",
        "LTXSERVE_OPEN_PORTS": f"80,443,{files.port}",
    }
    with worker(platform, tmp_path_factory.mktemp("worker"), **names):
        yield


def test_the_answer_of_the_worker_with_supabase(platform: Platform):
    job = new_id()
    output = platform.run(job, asked(seed=11, file_name="my.mp4")).output
    supabase = output["supabase"]
    assert supabase["bucket"] == "vids"
    assert re.fullmatch(rf"clips/\d{{4}}-\d\d-\d\d/{job}/my\.mp4", supabase["path"])
    assert supabase["public_url"] is None
    content = httpx.get(supabase["signed_url"]).content
    assert hashlib.sha256(content).hexdigest() == output["meta"]["sha256"]
    assert output["video_url"] == supabase["signed_url"]
    assert "base64" not in output["video"]
    names = {"seed", "fps", "num_frames", "width", "height", "inference_seconds"}
    assert names <= set(output["meta"])
    assert (output["ok"], output["mode"], output["meta"]["seed"]) == (True, "t2v", 11)


def test_without_a_signed_link(platform: Platform):
    output = platform.run(new_id(), asked(return_signed_url=False)).output
    assert output["supabase"]["signed_url"] is None
    assert output["video_url"] is None


def test_what_is_too_large_for_an_answer_goes_to_the_store(platform: Platform):
    big = asked("noise", width=512, height=512, num_frames=25, output_format="png")
    output = platform.run(new_id(), {**big, "return_base64": True}).output
    assert output["video"]["bytes"] > 10_000_000
    assert "base64" not in output["video"]
    assert httpx.get(output["video_url"]).status_code == 200


def test_a_store_that_breaks_is_a_failure_that_can_be_tried_again(
    platform: Platform, project: Supabase
):
    project.faults.replies[:] = [Reply(403, b"{}") for _ in range(20)]
    told = platform.run(new_id(), asked())
    project.faults.replies.clear()
    assert told.body["error"].startswith("storage_")
    assert told.output["ok"] is False


def test_a_presigned_address(platform: Platform, files: Loopback):
    url = f"{files.url}/mine/clip.mp4"
    output = platform.run(new_id(), asked(upload_url=f"{url}?sig=x", return_base64=True)).output
    assert output["video"]["uploaded_to"] == url
    content = httpx.get(url).content
    assert hashlib.sha256(content).hexdigest() == output["video"]["sha256"]
    assert base64.b64decode(output["video"]["base64"]) == content


def test_runpods_own_bucket(platform: Platform, files: Loopback):
    config = {
        "endpointUrl": files.url,
        "bucketName": "b",
        "accessId": "AK",
        "accessSecret": "hush",
    }
    output = platform.run(new_id(), asked(), s3Config=config).output
    assert (
        hashlib.sha256(httpx.get(output["video_url"]).content).hexdigest()
        == (output["meta"]["sha256"])
    )


def test_a_picture_by_its_url_and_one_that_is_not_there(
    platform: Platform, files: Loopback, tmp_path: Path
):
    picture = Path(saved(disc(), tmp_path / "a.png")).read_bytes()
    httpx.put(f"{files.url}/a.png", content=picture)
    output = platform.run(new_id(), asked(image_url=f"{files.url}/a.png")).output
    assert output["mode"] == "i2v"
    told = platform.run(new_id(), asked(image_url=f"{files.url}/none.png"))
    [problem] = told.output["problems"]
    assert (problem["field"], problem["code"]) == ("image_url", "media_fetch_failed")


def test_work_of_a_service_lies_where_the_service_looks(platform: Platform, project: Supabase):
    request = {"prompt": "x", "width": 128, "height": 128, "num_frames": 9}
    payload: dict[str, Any] = {
        "account_id": "acc",
        "job_id": "j1",
        "attempt": 2,
        "kind": "generation",
        "request": request,
    }
    told = platform.run(new_id(), {"work": {"job_id": "j1", "attempt": 2, "payload": payload}})
    assert "error" not in told.body
    video = told.output["artifacts"]["video"]
    assert video["key"] == "acc/j1/2/video.mp4"
    store = SupabaseStore(SupabasePlace(project.url, KEY, "vids", "clips", False))
    stored = store.stat(video["key"])
    store.close()
    assert stored is not None
    assert stored.sha256 == video["sha256"]
    assert {"seed", "timings", "plan", "width"} <= set(told.output)


def test_several_clips_have_names_of_their_own(platform: Platform):
    output = platform.run(new_id(), {**SMALL, "prompts": ["a", "b"]}).output
    names = [clip["supabase"]["path"].rpartition("/")[2] for clip in output["clips"]]
    assert names == ["video-1.mp4", "video-2.mp4"]
