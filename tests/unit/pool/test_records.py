"""What is remembered of jobs: only the current attempt writes, an end is final, nothing grows."""

from ltxserve.pool.records import MOST_ENDED, MOST_UPDATES, UPDATES_AFTER_END, Records
from tests.clocks import Clock


def records(keep: float = 1800.0) -> tuple[Records, Clock]:
    clock = Clock()
    return Records(clock, keep), clock


def test_the_first_end_is_final():
    kept, _ = records()
    kept.begin("job", 1, "gpu")
    kept.end("job", 1, "succeeded", result={"a": 1})
    kept.end("job", 1, "lost", error={"code": "worker_lost"})
    kept.tell("job", 1, {"late": True})
    report = kept.report("job")
    assert (report.state, report.result, report.error, report.updates) == (
        "succeeded",
        {"a": 1},
        None,
        (),
    )


def test_an_attempt_that_was_replaced_cannot_write():
    kept, _ = records()
    kept.begin("job", 1, "old")
    kept.tell("job", 1, {"from": 1})
    kept.begin("job", 2, "new")
    kept.tell("job", 1, {"from": 1})
    kept.end("job", 1, "succeeded")
    kept.tell("job", 2, {"from": 2})
    report = kept.report("job")
    assert (report.state, report.worker, report.attempt) == ("running", "new", 2)
    assert report.updates == ({"from": 2},)


def test_the_cursor_counts_updates_that_were_dropped():
    kept, _ = records()
    kept.begin("job", 1, "gpu")
    for number in range(MOST_UPDATES + 10):
        kept.tell("job", 1, {"n": number})
    report = kept.report("job")
    assert report.next == MOST_UPDATES + 10
    assert report.updates[0] == {"n": 10}
    assert kept.report("job", report.next - 2).updates == (
        {"n": MOST_UPDATES + 8},
        {"n": MOST_UPDATES + 9},
    )
    assert kept.report("job", report.next + 5).updates == ()


def test_ends_are_forgotten_in_time_and_running_work_never():
    kept, clock = records(keep=100)
    kept.begin("done", 1, "gpu")
    kept.tell("done", 1, {"preview": "x"})
    kept.end("done", 1, "succeeded")
    kept.begin("slow", 1, "gpu")
    clock.now += UPDATES_AFTER_END + 1
    kept.begin("next", 1, "gpu")
    assert (kept.report("done").state, kept.report("done").updates) == ("succeeded", ())
    clock.now += 100
    kept.begin("another", 1, "gpu")
    assert kept.report("done").state == "unknown"
    assert kept.attempt("done") == 0
    assert kept.report("slow").state == "running"


def test_of_very_many_ends_the_oldest_are_forgotten():
    kept, clock = records()
    for number in range(MOST_ENDED + 5):
        clock.now += 0.001
        kept.begin(f"job-{number}", 1, "gpu")
        kept.end(f"job-{number}", 1, "succeeded")
    kept.begin("last", 1, "gpu")
    assert kept.report("job-0").state == "unknown"
    assert kept.report(f"job-{MOST_ENDED}").state == "succeeded"
