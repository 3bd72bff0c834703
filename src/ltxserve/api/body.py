"""Reads request bodies within limits: JSON, multipart and bracketed forms. Knows no field.

The web framework is not left to read them: it does so before it asks who calls, without a limit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from ltxserve.errors import LtxserveError, Problem, RequestRefused

Model = TypeVar("Model", bound=BaseModel)

MEBIBYTE = 2**20
MAX_DEPTH = 32
MAX_FIELDS = 500
MAX_FILES = 16
_UNREADABLE = (
    HTTPException,
    MultiPartException,
    ClientDisconnect,
    UnicodeDecodeError,
    AssertionError,
)
_BRACKETED = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_KEY = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Form:
    """A body as fields, nested as JSON is, and the files that came with it by field name."""

    fields: dict[str, Any]
    files: dict[str, UploadFile]
    parts: FormData = field(default_factory=FormData)

    async def close(self) -> None:
        """Remove the temporary copies of all files, also of those whose name came again."""
        await self.parts.close()


def capped(request: Request, limit: int) -> Request:
    """The same request, whose body ends in `body_too_large` once it passes `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise _too_large(limit)
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _too_large(limit)
        return message

    return Request(request.scope, receive)


async def read_json(request: Request, limit: int) -> dict[str, Any]:
    """The body as a JSON object; an absent body is an empty one.

    Raises LtxserveError `body_too_large`, `body_invalid`.
    """
    return parse_json(await _bytes(request, limit))


async def read_form(request: Request, limit: int) -> Form:
    """The body as fields and files, from JSON, multipart or URL-encoded form, by content type.

    Raises LtxserveError `body_too_large`, `body_invalid`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        return Form(await read_json(request, limit), {})
    try:
        form = await capped(request, limit).form(
            max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=min(limit, 16 * MEBIBYTE)
        )
    except _UNREADABLE as error:
        raise _invalid(f"The form cannot be read: {_reason(error)}.") from None
    pairs = [(key, value) for key, value in form.multi_items() if isinstance(value, str)]
    files = {key: value for key, value in form.multi_items() if isinstance(value, UploadFile)}
    try:
        return Form(check_text(unbracket(pairs)), files, form)
    except LtxserveError:
        await form.close()
        raise


def parse_json(text: bytes) -> dict[str, Any]:
    """Bytes as a JSON object that every database can store: no NaN, no NUL, no lone surrogate."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"The body is not JSON: {_reason(error)}.") from None
    if not isinstance(value, dict):
        raise _invalid("The body is JSON, but not an object.")
    return check_text(value)


def parsed(kind: type[Model], given: Mapping[str, Any]) -> Model:
    """A body's fields as a model. Raises RequestRefused with every problem, by field."""
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestRefused(_problem(item) for item in wrong) from None


def check_text(value: dict[str, Any]) -> dict[str, Any]:
    """The value itself. Raises `body_invalid` where it nests too deep or holds unusable text."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_string(item)
            elif isinstance(item, dict):
                below += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                below += item
        if not below:
            return value
        level = below
    raise _invalid(f"The body nests deeper than {MAX_DEPTH} levels.")


def unbracket(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Form fields as nested data: `a[b]` is a member, `a[]` an element, `a[][b]` both.

    A repeated `a[][b]` opens the next element, as the OpenAI SDK and Rails write lists of objects.
    A plain name that is repeated keeps its last value.
    """
    result: dict[str, Any] = {}
    for name, value in pairs:
        match = _BRACKETED.fullmatch(name)
        if match is None:
            result[name] = value
            continue
        path = [match[1], *_KEY.findall(match[2])]
        if len(path) > MAX_DEPTH:
            raise _invalid(f"A form field nests deeper than {MAX_DEPTH} levels.")
        _put(result, path, value)
    return result


def _put(target: dict[str, Any], path: list[str], value: str) -> None:
    key, rest = path[0], path[1:]
    if not rest:
        target[key] = value
    elif rest[0] == "" or rest[0].isdecimal():
        _put_element(target.setdefault(key, []), rest, value, key)
    else:
        inner = target.setdefault(key, {})
        if not isinstance(inner, dict):
            raise _invalid(f"The form field {key[:50]} is given both as a value and as an object.")
        _put(inner, rest, value)


def _put_element(items: Any, rest: list[str], value: str, key: str) -> None:
    if not isinstance(items, list):
        raise _invalid(f"The form field {key[:50]} is given both as a value and as a list.")
    index, inner = rest[0], rest[1:]
    if not inner:
        items.append(value)
        return
    fresh = not items or not isinstance(items[-1], dict)
    if index == "":
        fresh = fresh or (len(inner) == 1 and inner[0] in items[-1])
    else:
        fresh = fresh or int(index[:9]) >= len(items)
    if fresh:
        items.append({})
    _put(items[-1], inner, value)


def _problem(item: Mapping[str, Any]) -> Problem:
    field = ".".join(str(part) for part in item["loc"])[:100]
    code = "unknown_field" if item["type"] == "extra_forbidden" else "invalid_field"
    return Problem(code, f"{item['msg']}.", "Correct the value or leave it out.", field)


def _check_string(text: str) -> None:
    if "\x00" in text:
        raise _invalid("The body holds a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _invalid("The body holds half a surrogate pair, which is no character.") from None


async def _bytes(request: Request, limit: int) -> bytes:
    try:
        return await capped(request, limit).body()
    except ClientDisconnect:
        raise broken_off() from None


def broken_off() -> LtxserveError:
    """A caller who left before the body was here; nobody hears the answer, but it is no bug."""
    return _invalid("The connection ended before the body did.")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _reason(error: BaseException) -> str:
    text = str(getattr(error, "detail", "") or error) or type(error).__name__
    return text.encode("utf-8", "replace").decode()[:200].rstrip(".")


def _invalid(message: str) -> LtxserveError:
    return LtxserveError("body_invalid", message, "Send it as documented at /docs.")


def _too_large(limit: int) -> LtxserveError:
    return LtxserveError(
        "body_too_large",
        f"The body is larger than {limit / MEBIBYTE:.0f} MiB.",
        "Send large files to /api/uploads, and give their id here.",
    )
