"""`ltxserve jobs` against a real server: what people and machines read, files, exit codes."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.cli import main
from ltxserve.cli.jobs import lines_of, said
from ltxserve.client import views
from ltxserve.media.probe import probe
from tests.api.serving import Served, serving
from tests.unit.client.script import JOB, job

SMALL = ["-W", "128", "-H", "128", "--num-frames", "9"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(autouse=True)
def place(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh account's key and an empty folder; the service's address in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTXSERVE_SERVER", served.url)
    monkeypatch.setenv("LTXSERVE_API_KEY", served.account(f"cli-{time.time_ns()}", 1000))
    monkeypatch.setenv("COLUMNS", "200")


def run(*words: str) -> int:
    try:
        main(["jobs", *words])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


def submitted(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The id of a job that was queued."""
    assert run("submit", "a red ball", *SMALL, *words) == 0
    return capsys.readouterr().out.strip()


def test_submit_and_show(served: Served, capsys: pytest.CaptureFixture[str]):
    job_id = submitted(capsys, "--seed", "3")
    served.finish(job_id)
    assert run("show", job_id) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == job_id
    assert "generation: succeeded" in shown.err
    assert "128x128, 9 frames" in shown.err
    assert "video: video/mp4" in shown.err
    assert run("show", job_id, "--json") == 0
    assert json.loads(capsys.readouterr().out)["request"]["seed"] == 3


def test_submit_and_fetch(served: Served, capsys: pytest.CaptureFixture[str]):
    """The job ends while the command waits for it."""

    def end() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with served.app.database.read() as conn:
                row = conn.exec_driver_sql(
                    "select id from jobs where state = 'queued' order by created_at desc"
                ).first()
            if row is not None and row[0] not in before:
                served.finish(row[0])
                return
            ended.wait(0.05)

    with served.app.database.read() as conn:
        before = {row[0] for row in conn.exec_driver_sql("select id from jobs")}
    ended = threading.Event()
    worker = threading.Thread(target=end)
    worker.start()
    assert run("submit", "a red ball", *SMALL, "-o", "ball.mp4", "--timeout", "60") == 0
    worker.join()
    assert capsys.readouterr().out.split()[-1] == "ball.mp4"
    assert probe("ball.mp4").video is not None


def test_nobody_waits_longer_than_asked(capsys: pytest.CaptureFixture[str]):
    assert run("submit", "a red ball", *SMALL, "--wait", "--timeout", "0.2") == 1
    assert "wait_timed_out" in capsys.readouterr().err


def test_list(served: Served, capsys: pytest.CaptureFixture[str]):
    first, second = submitted(capsys), submitted(capsys)
    assert run("cancel", first, "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "cancelled"
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [second, first]
    assert run("list", "--state", "queued", "--json") == 0
    assert [j["id"] for j in json.loads(capsys.readouterr().out)] == [second]


def test_watch(served: Served, capsys: pytest.CaptureFixture[str]):
    job_id = submitted(capsys)
    served.finish(job_id)
    assert run("watch", job_id) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert run("watch", job_id, "--after", "2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "succeeded"


def test_a_failed_job_leaves_with_one(served: Served, capsys: pytest.CaptureFixture[str]):
    job_id = submitted(capsys)
    served.fail(job_id)
    assert run("watch", job_id) == 1
    assert "out_of_memory" in capsys.readouterr().err
    assert run("download", job_id) == 1


def test_download_and_delete(served: Served, capsys: pytest.CaptureFixture[str]):
    job_id = submitted(capsys)
    served.finish(job_id)
    assert run("download", job_id) == 0
    assert Path(capsys.readouterr().out.strip()).name == f"{job_id}.mp4"
    assert run("download", job_id, "-o", "t.jpg", "--variant", "thumbnail") == 0
    assert Path("t.jpg").is_file()
    assert run("delete", job_id) == 0
    assert run("show", job_id) == 1
    assert "job_not_found" in capsys.readouterr().err


def test_batches_go_into_a_folder(served: Served, capsys: pytest.CaptureFixture[str]):
    assert run("submit", "a red ball", *SMALL, "--count", "2", "--json") == 0
    batch = json.loads(capsys.readouterr().out)
    assert len(batch["children"]) == 2


def test_refusals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    assert run("submit", "", "-W", "13") == 2
    assert "prompt_empty" in capsys.readouterr().err
    monkeypatch.setenv("LTXSERVE_API_KEY", "ltx_wrong")
    assert run("list") == 1
    assert "unauthorized" in capsys.readouterr().err
    assert run("list", "--server", "http://127.0.0.1:9") == 1
    assert "service_unreachable" in capsys.readouterr().err
    assert run("list", "--server", "nonsense") == 1


def test_lines_for_people():
    running = views.job(job("running", progress={"stage": "denoise", "percent": 41.7}))
    assert lines_of(running)[0] == "generation: running, denoise, 42 %; 3 credits"
    assert lines_of(views.job(JOB))[0] == "generation: queued, place 1; 3 credits"
    error = {"code": "out_of_memory", "message": "No memory.", "hint": ""}
    assert lines_of(views.job(job("failed", error=error)))[-1] == (
        "error: No memory. [out_of_memory]"
    )


def test_events_for_people():
    data = {"stage": "denoise", "step": 3, "of": 8, "percent": 41.7}
    event = views.JobEvent(4, "progress", "j", data)
    assert said(event) == "   4 progress  denoise  3 of 8  42 %"
    failed = views.JobEvent(5, "failed", "j", {"error": {"code": "c", "message": "No."}})
    assert said(failed) == "   5 failed  No. [c]"
