"""Reads what the stand-in renderer writes down of its attempts: job, number, process."""

from pathlib import Path

from ltxserve.jobs.rows import Job
from tests.services import wait_until


def worker_of(diary: Path, job: Job) -> int:
    """The process that has the job's newest attempt."""
    wait_until(lambda: diary.exists() and job.id in diary.read_text())
    lines = [line.split() for line in diary.read_text().splitlines()]
    return next(int(pid) for name, _, pid in reversed(lines) if name == job.id)


def attempts(diary: Path, job: Job) -> list[int]:
    lines = [line.split() for line in diary.read_text().splitlines()]
    return [int(number) for name, number, _ in lines if name == job.id]
