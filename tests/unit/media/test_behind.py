"""Work behind its giver: in order, bounded, errors out of the next call, nothing left running."""

import threading
from functools import partial

import pytest

from ltxserve.errors import Cancelled
from ltxserve.media.behind import Behind


def threads() -> set[str]:
    return {each.name for each in threading.enumerate() if each.name.startswith("behind")}


def test_all_is_done_in_order_and_elsewhere():
    done: list[int] = []
    where: set[int] = set()

    def work(number: int) -> None:
        done.append(number)
        where.add(threading.get_ident())

    with Behind(3) as behind:
        for number in range(50):
            behind.do(partial(work, number), 1)
    assert done == list(range(50))
    assert len(where) == 1
    assert threading.get_ident() not in where
    assert not threads()


def test_its_user_goes_on_while_it_works():
    may_end, ended = threading.Event(), []

    def work() -> None:
        assert may_end.wait(30)
        ended.append(True)

    with Behind(10) as behind:
        behind.do(work, 5)
        behind.do(work, 5)
        assert not ended
        may_end.set()  # reached only because nobody waits
    assert ended == [True, True]


def test_no_more_waits_than_is_allowed():
    handed = 0
    most_waiting, done = 0, 0

    def work() -> None:
        nonlocal most_waiting, done
        most_waiting = max(most_waiting, handed - done)
        done += 1

    with Behind(7) as behind:
        for _ in range(40):
            behind.do(work, 3)
            handed += 1
    assert done == 40
    assert most_waiting <= 2 + 1  # the one that is at work is counted until it is looked at


def test_what_is_larger_than_all_room_is_done_alone():
    done: list[int] = []
    with Behind(1) as behind:
        for number in range(3):
            behind.do(partial(done.append, number), 100)
    assert done == [0, 1, 2]


def test_an_error_comes_out_and_nothing_more_is_done():
    done: list[int] = []

    def work(number: int) -> None:
        if number == 2:
            raise OSError("disk full")
        done.append(number)

    behind = Behind(1)
    with pytest.raises(OSError, match="disk full"), behind:
        for number in range(10):
            behind.do(partial(work, number), 1)
    assert done == [0, 1]
    assert not threads()


def test_an_error_of_the_last_work_comes_out_at_the_end():
    def work() -> None:
        raise OSError("disk full")

    behind = Behind(1)
    with pytest.raises(OSError, match="disk full"), behind:
        behind.do(work, 1)
    assert not threads()


@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt])
def test_what_was_not_begun_is_left_undone(error: type[BaseException]):
    begun, may_end = threading.Event(), threading.Event()
    done: list[str] = []

    def slow() -> None:
        begun.set()
        assert may_end.wait(30)
        done.append("slow")

    behind = Behind(10)
    with pytest.raises(error), behind:
        behind.do(slow, 1)
        behind.do(partial(done.append, "second"), 1)
        assert begun.wait(30)
        threading.Timer(0.05, may_end.set).start()
        raise error
    assert done == ["slow"]
    assert not threads()
