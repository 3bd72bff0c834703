"""Leaving: not with a job in hand, then at once; how that looks from outside is in tests/runpod."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from ltxserve.runpod.leaving import Leaving, die_together
from tests.guards.tree import ROOT


def left(leaving: Leaving, act: object) -> list[int]:
    """The exit codes after `act`, in a loop that the SDK would have."""
    codes: list[int] = []

    async def story() -> None:
        done = asyncio.Event()

        def leave(code: int) -> None:
            codes.append(code)
            done.set()

        leaving.exit = leave
        assert leaving.take(1) == 1
        assert callable(act)
        act()
        await asyncio.wait_for(done.wait(), 20)

    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        asyncio.run(story())
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    return codes


def test_a_signal_is_passed_on_and_then_it_leaves():
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        leaving = Leaving(busy=lambda: False)
        assert left(leaving, lambda: os.kill(os.getpid(), signal.SIGTERM)) == [0]
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_it_waits_for_the_job_in_hand_and_gives_it_up_after_its_grace():
    in_hand = [True]
    leaving = Leaving(busy=lambda: in_hand[0], grace=0.0, give_up=in_hand.clear)

    def give_up() -> None:
        in_hand[0] = False

    leaving.give_up = give_up
    assert left(leaving, leaving.begin) == [0]
    assert in_hand == [False]


def test_told_twice_it_leaves_once():
    leaving = Leaving(busy=lambda: False)

    def twice() -> None:
        leaving.begin()
        leaving.begin()

    assert left(leaving, twice) == [0]


def test_outside_of_a_loop_there_is_nothing_to_leave():
    leaving = Leaving(busy=lambda: False)
    leaving.begin()
    assert not leaving.began


PARENT = """
import os, signal, sys
from ltxserve.runpod.leaving import die_together
die_together()
child = os.fork()
if child == 0:
    signal.pause()
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a kernel's promise")
def test_a_forked_process_dies_with_a_killed_parent():
    assert callable(die_together)
    run = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    # The child holds the pipe too: its end is the end of both.
    said, _ = run.communicate(timeout=30)
    assert run.returncode == -signal.SIGKILL
    assert int(said)
