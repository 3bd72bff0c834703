"""Listeners hear of their own topics, until they stop listening."""

from ltxserve.service.signals import Signals


def test_a_listener_hears_its_topic_until_it_stops() -> None:
    signals, heard = Signals(), []
    stop = signals.listen("a", lambda: heard.append("a"))
    signals.notify("a", None, "b")
    stop()
    signals.notify("a")
    assert heard == ["a"]


def test_one_of_two_listeners_can_leave() -> None:
    signals, heard = Signals(), []
    first = signals.listen("a", lambda: heard.append(1))
    signals.listen("a", lambda: heard.append(2))
    first()
    signals.notify("a")
    assert heard == [2]


def test_a_waiting_thread_is_woken() -> None:
    signals = Signals()
    with signals.waking("a") as event:
        assert not event.is_set()
        signals.notify("a")
        assert event.is_set()
        event.clear()
    signals.notify("a")
    assert not event.is_set()
