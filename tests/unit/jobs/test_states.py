"""States: where a job can go from where it is."""

from ltxserve.jobs.states import ACTIVE, TERMINAL, WAYS, JobState, sources


def test_nothing_leaves_an_end():
    assert all(not WAYS[state] for state in TERMINAL)
    assert all(WAYS[state] for state in ACTIVE)


def test_every_state_is_terminal_or_active():
    assert set(JobState) == TERMINAL | ACTIVE
    assert not TERMINAL & ACTIVE


def test_only_a_running_job_succeeds():
    assert sources(JobState.SUCCEEDED) == (JobState.RUNNING,)


def test_a_waiting_job_can_be_cancelled_and_can_fail():
    for end in (JobState.CANCELLED, JobState.FAILED):
        assert sources(end) == (JobState.QUEUED, JobState.RUNNING)


def test_every_state_can_be_reached():
    assert all(sources(state) for state in JobState)


def test_states_are_their_words():
    assert [str(state) for state in JobState] == [
        "queued",
        "running",
        "succeeded",
        "failed",
        "cancelled",
    ]
