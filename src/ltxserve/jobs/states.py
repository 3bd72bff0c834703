"""The states of a job and the ways between them, as data; knows no database."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobState(StrEnum):
    """Where a job is; `stage` and `progress` say more about a running one."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
"""Nothing happens to a job after these."""

ACTIVE = frozenset(JobState) - TERMINAL

WAYS: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELLED}),
        # running -> running: taken over by the next attempt; -> queued: handed back at shutdown
        JobState.RUNNING: frozenset(JobState),
        JobState.SUCCEEDED: frozenset(),
        JobState.FAILED: frozenset(),
        JobState.CANCELLED: frozenset(),
    }
)
"""State -> states it may change to."""


def sources(target: JobState) -> tuple[JobState, ...]:
    """The states from which `target` can be reached, in order of definition."""
    return tuple(state for state in JobState if target in WAYS[state])
