"""Bodies: what is read, what is refused, and that nothing else ever happens."""

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.types import Message

from ltxserve.api.body import (
    MAX_DEPTH,
    Form,
    parse_json,
    parsed,
    read_form,
    read_json,
    unbracket,
)
from ltxserve.errors import LtxserveError, RequestRefused


def request(body: bytes, kind: str = "application/json", **headers: str) -> Request:
    """A request whose body comes in two pieces."""
    half = len(body) // 2
    messages: Iterator[Message] = iter(
        [
            {"type": "http.request", "body": body[:half], "more_body": True},
            {"type": "http.request", "body": body[half:], "more_body": False},
        ]
    )

    async def receive() -> Message:
        return next(messages)

    named = {"content-type": kind, **headers}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


def refusal(body: bytes) -> LtxserveError:
    with pytest.raises(LtxserveError) as refused:
        parse_json(body)
    return refused.value


def outcome(read: Callable[[Any], dict[str, Any]], given: Any) -> str:
    """Returns "object", or the code of the refusal."""
    try:
        return "object" if isinstance(read(given), dict) else "something else"
    except LtxserveError as error:
        return error.code


def test_json_objects_are_read():
    assert asyncio.run(read_json(request(b'{"a": [1, "\xc3\xa9"]}'), 100)) == {"a": [1, "é"]}
    assert asyncio.run(read_json(request(b""), 100)) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"1",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'{"a": "\\ud800"}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50 + b"1" + b"}" * 50,
    ],
)
def test_what_is_no_storable_object_is_refused(body: bytes):
    assert refusal(body).code == "body_invalid"


def test_deep_bodies_are_read_up_to_the_limit():
    levels = MAX_DEPTH - 1
    assert parse_json(b'{"a":' * levels + b"1" + b"}" * levels)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_coded_refusal(body: bytes):
    assert outcome(parse_json, body) in {"object", "body_invalid"}


@pytest.mark.parametrize("headers", [{}, {"content-length": "2000"}])
def test_large_bodies_are_refused(headers: dict[str, str]):
    body = json.dumps({"a": "x" * 1000}).encode()
    with pytest.raises(LtxserveError) as refused:
        asyncio.run(read_json(request(body, **headers), 100))
    assert refused.value.code == "body_too_large"


def test_multipart_gives_nested_fields_and_files():
    parts = (
        ('name="prompt"', "a ball"),
        ('name="loras[][name_or_path]"', "one"),
        ('name="loras[][strength]"', "0.5"),
        ('name="loras[][name_or_path]"', "two"),
        ('name="input_reference"; filename="x.png"', "PNG"),
    )
    lines = [f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}" for head, text in parts]
    body = ("\r\n".join(lines) + "\r\n--b--\r\n").encode()

    async def read() -> tuple[Form, bytes]:
        form = await read_form(request(body, "multipart/form-data; boundary=b"), 10_000)
        content = await form.files["input_reference"].read()
        await form.close()
        return form, content

    form, content = asyncio.run(read())
    assert form.fields == {
        "prompt": "a ball",
        "loras": [{"name_or_path": "one", "strength": "0.5"}, {"name_or_path": "two"}],
    }
    assert content == b"PNG"


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=b"])
def test_a_broken_form_is_refused(kind: str):
    with pytest.raises(LtxserveError) as refused:
        asyncio.run(read_form(request(b"--c\r\nnothing", kind), 1000))
    assert refused.value.code == "body_invalid"


@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([("a", "1"), ("a", "2")], {"a": "2"}),
        ([("a[b]", "1"), ("a[c][d]", "2")], {"a": {"b": "1", "c": {"d": "2"}}}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        (
            [("a[0][b]", "1"), ("a[0][c]", "2"), ("a[1][b]", "3")],
            {"a": [{"b": "1", "c": "2"}, {"b": "3"}]},
        ),
        ([("a[", "1")], {"a[": "1"}),
    ],
)
def test_brackets(pairs: list[tuple[str, str]], value: dict[str, Any]):
    assert unbracket(pairs) == value


@pytest.mark.parametrize("second", ["a[b]", "a[]"])
def test_a_field_is_one_thing(second: str):
    with pytest.raises(LtxserveError) as refused:
        unbracket([("a", "1"), (second, "2")])
    assert refused.value.code == "body_invalid"


@given(st.lists(st.tuples(st.text(alphabet="ab[]01", max_size=12), st.just("v")), max_size=8))
def test_any_field_names_nest_or_are_refused(pairs: list[tuple[str, str]]):
    assert outcome(unbracket, pairs) in {"object", "body_invalid"}


class Size(BaseModel):
    model_config = ConfigDict(extra="forbid")

    width: int
    height: int = 1


def test_fields_become_a_model_or_a_list_of_problems():
    assert parsed(Size, {"width": 2}) == Size(width=2)
    with pytest.raises(RequestRefused) as refused:
        parsed(Size, {"height": "tall", "depth": 3})
    found = {problem.field: problem.code for problem in refused.value.problems}
    assert found == {"width": "invalid_field", "height": "invalid_field", "depth": "unknown_field"}
    assert all(problem.hint for problem in refused.value.problems)


PARTS = (
    '--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\nx\r\n'
    '--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n{text}\r\n'
)


def test_no_files_stay_open_of_a_form_that_is_refused_or_has_one_twice():
    async def closed(text: str) -> None:
        body = PARTS.format(name="1", text=text) + PARTS.format(name="2", text=text) + "--b--"
        form = await read_form(request(body.encode(), "multipart/form-data; boundary=b"), 10_000)
        assert form.files["file"].filename == "2"
        await form.close()
        assert all(part.file.closed for part in form.parts.getlist("file"))  # pyright: ignore

    asyncio.run(closed("fine"))
    with pytest.raises(LtxserveError):
        asyncio.run(closed("\0"))
    gc.collect()  # an open one would be warned of
