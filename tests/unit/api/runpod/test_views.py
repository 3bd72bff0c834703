"""RunPod-shaped jobs."""

from ltxserve.api.runpod import views
from tests.api.making import ID, done, failed, job


def test_states():
    assert views.accepted_view(job()) == {"id": ID, "status": "IN_QUEUE"}
    assert views.status_of(job(state="cancelled")) == "CANCELLED"
    assert views.status_of(failed()) == "FAILED"
    assert views.status_of(failed(error={"code": views.TIMED_OUT})) == "TIMED_OUT"


def test_a_running_job_reports_its_progress():
    view = views.status_view(
        job(
            state="running",
            started_at=1_700_000_001.25,
            progress={"step": 2, "of": 8, "percent": 25},
        ),
        None,
    )
    assert view["output"] == {"stage": None, "step": 2, "of": 8, "percent": 25}
    assert view["delayTime"] == 1000


def test_a_finished_job_has_times_and_output():
    output = views.output_of(done(), {"url": "http://x/v"})
    view = views.status_view(done(), output)
    assert (view["executionTime"], view["workerId"], view["status"]) == (3500, "cpu:0", "COMPLETED")
    assert view["output"]["meta"]["seed"] == 7
    assert view["output"]["meta"]["inference_seconds"] == 2.5
    assert view["output"]["video"]["url"] == "http://x/v"
    assert view["output"]["ok"] is True


def test_a_failed_job_says_why():
    assert views.status_view(failed(), None)["error"] == "No memory. Go smaller."


def test_stream_and_health():
    assert views.stream_view(job(), [{"a": 1}])["stream"] == [{"output": {"a": 1}}]
    health = views.health_view({"queued": 2, "running": 1}, idle=1, running=1)
    assert health["jobs"]["inQueue"] == 2
    assert health["workers"] == {"idle": 1, "running": 1}


def test_a_place_in_supabase():
    assert views.supabase_view("b", "p/v.mp4", None, "http://x") == {
        "bucket": "b",
        "path": "p/v.mp4",
        "signed_url": None,
        "public_url": "http://x",
    }
