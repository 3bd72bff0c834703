"""Lines between processes: whole from any thread, and never a reason to wait for a dead reader."""

import io
import itertools
import os
import threading

import pytest

from ltxserve.pool.wire import Mailbox, Outbox, encode, read_lines


def test_a_line_survives_the_way():
    line = {"text": "ö\n\u2028 'x'", "list": [1, None, {"a": 0.5}]}
    assert list(read_lines(io.BytesIO(encode(line) * 2))) == [line, line]


def test_what_is_no_json_object_is_passed_over():
    stream = io.BytesIO(b'noise\n[1]\n"text"\n\xff\xfe\n{"a":1}\n{"cut":')
    assert list(read_lines(stream)) == [{"a": 1}]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_say_is_refused(value: object):
    with pytest.raises((TypeError, ValueError)):
        encode({"value": value})


def test_lines_of_many_threads_do_not_mix():
    reader, writer = os.pipe()
    outbox = Outbox(writer)

    def talk(number: int) -> None:
        for _ in range(20):
            outbox.send({"who": number, "text": str(number) * 20_000})

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    with os.fdopen(reader, "rb") as stream:
        lines = list(itertools.islice(read_lines(stream), 80))
    for thread in threads:
        thread.join()
    os.close(writer)
    assert {(line["who"], set(line["text"]) == {str(line["who"])}) for line in lines} == {
        (number, True) for number in range(4)
    }


def test_an_outbox_says_when_nobody_reads():
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        Outbox(writer).send({"a": 1})
    os.close(writer)


def test_a_mailbox_does_not_wait_and_ends_the_stream_after_the_last_line():
    reader, writer = os.pipe()
    mailbox = Mailbox(os.fdopen(writer, "wb"))
    for number in range(3):
        mailbox.send({"number": number, "filling": "x" * 100_000})  # more than a pipe holds
    mailbox.close()
    with os.fdopen(reader, "rb") as stream:
        assert [line["number"] for line in read_lines(stream)] == [0, 1, 2]
