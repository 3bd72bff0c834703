"""Figures from the database, each finished job counted once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from ltxserve.api.door import Handled
from ltxserve.api.metrics import Metrics
from ltxserve.service.submission import Submission
from tests.api.serving import Served, Workers, wire

SMALL = {"prompt": "a red ball", "width": 128, "height": 128, "num_frames": 9}


def figures(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_queues_ends_and_requests_are_counted(tmp_path: Path):
    app = wire(tmp_path, Workers())
    metrics = Metrics(app)
    served = Served("", app, tmp_path)
    local: Any = app.local_account()
    jobs = [app.generations.submit(local, Submission(SMALL)) for _ in range(3)]
    served.finish(jobs[0].id)
    served.fail(jobs[1].id)
    metrics.count(Handled("GET", "/api/models", 200, 0.02))
    for word in ("BREW", "FETCH"):
        metrics.count(Handled(word, "(none)", 405, 0.02))
    metrics.text()
    found = figures(metrics)
    assert found["ltxserve_queue_depth", ()] == 1
    assert found["ltxserve_up", (("part", "database"),)] == 1
    assert found["ltxserve_failures", (("code", "out_of_memory"),)] == 1
    assert found["ltxserve_jobs", (("kind", "generation"), ("state", "succeeded"))] == 1
    assert found["ltxserve_run_seconds_count", (("model", "tiny"),)] == 2
    assert found["ltxserve_stage_seconds_sum", (("model", "tiny"), ("stage", "denoise"))] == 1.5
    assert found["ltxserve_peak_memory_bytes", (("model", "tiny"),)] == 2**20
    assert found["ltxserve_ledger_imbalances", ()] == 0
    assert found["ltxserve_slots", (("device", "cpu"), ("state", "ready"))] == 1
    route = (("method", "GET"), ("route", "/api/models"), ("status", "200"))
    assert found["ltxserve_http_requests_total", route] == 1
    others = (("method", "other"), ("route", "(none)"), ("status", "405"))
    assert found["ltxserve_http_requests_total", others] == 2
    replace(app, pool=None).close()


def test_a_database_that_is_gone_is_told(tmp_path: Path):
    app = wire(tmp_path, Workers())
    metrics = Metrics(app)
    app.database.close()
    (tmp_path / "ltxserve.db").unlink()
    for leftover in tmp_path.glob("ltxserve.db-*"):
        leftover.unlink()
    tmp_path.joinpath("ltxserve.db").mkdir()
    assert figures(metrics)["ltxserve_up", (("part", "database"),)] == 0
    replace(app, pool=None).close()
