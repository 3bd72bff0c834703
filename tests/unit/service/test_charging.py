"""A clip whose length the model chose costs what was made, and never more than was held."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ltxserve.catalog import load_catalog
from ltxserve.credits import ledger
from ltxserve.credits.pricing import price_of
from ltxserve.db.database import Database
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request, plan
from ltxserve.jobs import store
from ltxserve.jobs.engine import Enqueuer
from ltxserve.jobs.rows import Job, Outcome
from ltxserve.pool.base import Report
from ltxserve.service.charging import Charging, held_price
from ltxserve.service.endings import Endings
from ltxserve.service.placing import Order
from ltxserve.service.running import outcome_of
from tests.replicas.folders import catalog_with, small_row
from tests.unit.engine.fakes import Loader
from tests.unit.service.test_endings import Desk
from tests.unit.service.test_rendering import Bare, payload

CATALOG = load_catalog()
CHARGING = Charging(CATALOG)


def planned(**fields: Any) -> dict[str, Any]:
    asked = {"prompt": "p", "model": "ltx-2.5-22b-distilled", "size": "720p", **fields}
    return plan(parse_request(asked), CATALOG).to_dict()


def made(seconds: float) -> dict[str, Any]:
    """The plan of a clip that was to be at most 20 seconds long, as it came out."""
    return {**planned(seconds=seconds), "auto_length": planned(auto_length={})["auto_length"]}


def order(**fields: Any) -> Order:
    asked = parse_request({"prompt": "p", "model": "ltx-2.5-22b-distilled", **fields})
    return Order("generation", {"prompt": "p"}, price_of(plan(asked, CATALOG), "table", CATALOG))


def placed(desk: Desk, count: int = 1) -> Job:
    from ltxserve.service.submission import Submission

    longest = order(size="720p", auto_length={})
    assert longest.price.credits == 60
    asked = Submission({"prompt": "p"}, count=count)
    return desk.placing.place(desk.account, asked, [longest] * count)


def succeed(desk: Desk, job: Job, seconds: float) -> bool:
    endings = Endings(Enqueuer(desk.database), 60.0, CHARGING)
    with desk.database.begin() as conn:
        return endings.succeed(conn, job, Outcome({"artifacts": {}}, plan=made(seconds)))


def test_the_longest_is_held_and_what_was_made_is_paid(database: Database):
    desk = Desk(database)
    with database.begin() as conn:
        ledger.top_up(conn, desk.account.id, 900)
    job = desk.claim(placed(desk))
    assert desk.balance() == 940
    assert succeed(desk, job, seconds=10)
    assert desk.balance() == 970
    assert desk.now(job).price == 30
    assert not succeed(desk, job, seconds=15)
    assert desk.balance() == 970


def test_a_batch_shows_what_its_jobs_cost(database: Database):
    desk = Desk(database)
    with database.begin() as conn:
        ledger.top_up(conn, desk.account.id, 900)
    parent = placed(desk, count=2)
    assert desk.now(parent).price == 120
    first, second = (desk.claim(child) for child in desk.children(parent))
    succeed(desk, first, seconds=10)
    succeed(desk, second, seconds=20)
    assert desk.now(parent).price == 90
    assert desk.balance() == 910


def a_job(database: Database) -> Job:
    desk = Desk(database)
    with database.begin() as conn:
        ledger.top_up(conn, desk.account.id, 900)
    job = placed(desk)
    with database.read() as conn:
        return store.get(conn, job.id)


def test_no_more_is_paid_than_was_held_and_nothing_else_changes_a_price(database: Database):
    job = a_job(database)
    assert CHARGING(job, made(20)) == 60
    cheap = dataclasses.replace(job, price=7)
    assert CHARGING(cheap, made(20)) == 7
    assert CHARGING(job, planned(seconds=10)) == 60, "its length was asked for"
    assert CHARGING(job, None) == 60
    assert held_price(job, made(10)) == 60


def test_a_price_list_that_is_gone_leaves_what_was_agreed(database: Database):
    job = dataclasses.replace(a_job(database), price_list="gone")
    assert CHARGING(job, made(10)) == 60
    free = dataclasses.replace(job, price=0, price_list="free")
    assert CHARGING(free, made(10)) == 0


def test_what_a_worker_reports_is_what_is_charged(database: Database, tmp_path: Path):
    able = small_row("ltx-2.5-22b-distilled")
    bare = Bare(tmp_path, Engine(catalog=catalog_with(able), create=Loader()))
    asked = {"prompt": "p", "model": able.name, "width": 64, "height": 64, "auto_length": {}}
    result = bare.renderer(payload({**asked, "num_inference_steps": 1}), bare.tell)
    assert result["num_frames"] == 49, "what the fake takes for the right length"
    assert "choose_length" in [update.get("stage") for update in bare.told]
    outcome = outcome_of(Report("succeeded", (), 0, result, None, "w"))
    assert outcome.plan is not None
    job = a_job(database)
    assert CHARGING(job, outcome.plan) == CHARGING(job, made(2)) < job.price
