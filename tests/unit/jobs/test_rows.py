"""The records of a job and the table agree."""

import dataclasses

from ltxserve.db.database import Database
from ltxserve.db.tables import jobs
from ltxserve.jobs.rows import COLUMNS, NewJob, Outcome
from ltxserve.jobs.states import TERMINAL, JobState
from tests.unit.jobs.samples import add, new, now


def test_a_job_mirrors_its_row():
    assert set(COLUMNS) == set(jobs.c.keys())


def test_what_is_added_are_columns():
    for record in (NewJob, Outcome):
        assert {field.name for field in dataclasses.fields(record)} <= set(COLUMNS)


def test_every_new_job_has_an_id_of_its_own():
    assert new().id != new().id


def test_a_job_knows_whether_it_is_over(sqlite: Database):
    job = now(sqlite, add(sqlite))
    for state in JobState:
        assert dataclasses.replace(job, state=state).is_terminal == (state in TERMINAL)
