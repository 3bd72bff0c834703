"""The worker process, spoken to directly: what it says, and that it ends when it is alone."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ltxserve.pool.wire import Line, encode, read_lines
from tests.contracts import entries
from tests.guards.tree import ROOT

SECONDS = 60


class Talk:
    """A worker at the end of two pipes."""

    def __init__(self, entry: str, parent: int) -> None:
        command = [sys.executable, "-m", "ltxserve.pool.worker", entry, str(parent)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in, self.out = self.process.stdin, self.process.stdout
        self._lines = read_lines(self.out)

    def say(self, line: Line) -> None:
        self._in.write(encode(line))
        self._in.flush()

    def hear(self, *wanted: str) -> Line:
        """The next line that says one of these."""
        return next(line for line in self._lines if line["say"] in wanted)

    def leave(self) -> int:
        self._in.close()
        return self.process.wait(SECONDS)

    def end(self) -> None:
        self.process.kill()
        self.leave()
        self.out.close()


@pytest.fixture
def talk(request: pytest.FixtureRequest) -> Iterator[Talk]:
    talk = Talk(getattr(request, "param", entries.NAME), os.getpid())
    talk.say({"config": "{}", "beat": 0.05})
    yield talk
    talk.end()


def test_it_lives_before_it_is_ready_and_while_it_works(talk: Talk):
    assert talk.hear("hello")["pid"] == talk.process.pid
    talk.hear("ready")
    talk.say({"do": {"job_id": "j", "attempt": 1, "payload": {"act": "deaf"}}})
    assert talk.hear("update")["update"] == {"pid": talk.process.pid}
    assert talk.hear("beat") == {"say": "beat"}


def test_a_cancel_that_overtakes_its_work_still_counts(talk: Talk):
    talk.hear("ready")
    talk.say({"cancel": ["j", 2]})
    for attempt in (2, 3):
        order = {"act": "steps", "count": 2, "pause": 0}
        talk.say({"do": {"job_id": "j", "attempt": attempt, "payload": order}})
    ends = [talk.hear("succeeded", "failed") for _ in range(2)]
    assert [(end["say"], end["attempt"]) for end in ends] == [("failed", 2), ("succeeded", 3)]


def test_alone_it_ends_and_its_work_with_it(talk: Talk):
    talk.hear("ready")
    order = {"act": "steps", "count": 100_000, "pause": 0.01}
    talk.say({"do": {"job_id": "j", "attempt": 1, "payload": order}})
    talk.hear("update")
    assert talk.leave() == 0


def test_alone_it_ends_even_if_its_work_hears_nothing(talk: Talk):
    talk.hear("ready")
    talk.say({"do": {"job_id": "j", "attempt": 1, "payload": {"act": "deaf"}}})
    talk.hear("update")
    assert talk.leave() == 0


@pytest.mark.parametrize("talk", ["no_such_module:entry"], indirect=True)
def test_an_entry_that_fails_is_told_before_the_end(talk: Talk):
    assert talk.hear("start_failed")["error"]["code"] == "settings_invalid"
    assert talk.process.wait(SECONDS) == 1


def test_a_parent_that_is_another_process_is_no_parent():
    if sys.platform != "linux":
        pytest.skip("the kernel is asked on Linux only")
    talk = Talk(entries.NAME, parent=1)
    assert talk.process.wait(SECONDS) == 0
    talk.end()


def test_what_goes_wrong_in_a_spare_is_told_when_it_is_needed():
    talk = Talk("no_such_module:entry", os.getpid())
    talk.say({"config": "{}", "beat": 0.05, "wait": True})
    talk.say({"go": True})
    assert talk.hear("start_failed")["error"]["code"] == "settings_invalid"
    talk.end()


def test_a_spare_that_is_not_needed_ends():
    talk = Talk(entries.NAME, os.getpid())
    talk.say({"config": "{}", "beat": 0.05, "wait": True})
    assert talk.leave() == 0
    talk.end()
