"""The same API on PostgreSQL: what differs there is texts, JSON and sums."""

from collections.abc import Iterator

import pytest

from tests.api import test_live, test_native, test_odd_values
from tests.api.serving import Served, serving
from tests.databases import postgres_server
from tests.postgres import new_database

__all__ = ["postgres_server"]


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("postgres")
    with new_database(postgres_server) as url, serving(folder, database_url=url) as server:
        yield server


def test_jobs_batches_pages_and_keys(on_postgres: Served):
    for check in (
        test_native.test_a_job_from_submit_to_file,
        test_native.test_batches,
        test_native.test_listing_with_cursor_and_filter,
        test_native.test_the_same_key_is_the_same_job,
        test_native.test_cancel_and_delete,
    ):
        check(on_postgres)


def test_events(on_postgres: Served):
    test_live.test_a_stream_has_every_event_in_order(on_postgres)
    test_live.test_many_listeners_hear_the_same(on_postgres)
    with on_postgres.client() as client:
        states = {job["state"] for job in client.get("/api/generations").json()["data"]}
    assert "succeeded" in states


def test_figures(on_postgres: Served):
    job = test_native.submit(on_postgres)["id"]
    on_postgres.fail(job)
    with on_postgres.client() as client:
        text = client.get("/metrics").text
    assert 'ltxserve_up{part="database"} 1.0' in text
    assert 'ltxserve_failures{code="out_of_memory"}' in text
    assert 'ltxserve_run_seconds_count{model="tiny"}' in text
    assert "ltxserve_ledger_imbalances 0.0" in text


@pytest.mark.parametrize("value", ["%00", "%ff", "a" * 5000, "%F0%9F%98%80"])
def test_odd_paths(on_postgres: Served, value: str):
    test_odd_values.test_odd_paths_and_queries(on_postgres, value)
    with on_postgres.client() as client:
        for path in ("/api/accounts/{}/keys", "/runpod/v2/{}/health"):
            assert client.get(path.format(value)).status_code < 500
        assert (
            client.post(f"/runpod/v2/{value}/run", json={"input": {"prompt": "x"}}).status_code
            < 500
        )
        assert client.post(f"/runpod/v2/{value}/purge-queue").status_code < 500
