"""Turns command-line options and a JSON file into a GenerationRequest, for every verb alike."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ltxserve.catalog import load_catalog
from ltxserve.cli.options import OPTIONS, RequestOption
from ltxserve.engine import plan as planning
from ltxserve.errors import Problem, RequestRefused
from ltxserve.types import GenerationRequest

_AT = re.compile(r"(?s)(?P<source>.+?)(?:@(?P<frame>-?\d+)(?::(?P<strength>[\d.]+))?)?")
_STRONG = re.compile(r"(?s)(?P<source>.+?)(?:@(?P<strength>[\d.]+))?")


def with_request(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb whose first parameter is a request, as one with all request options.

    The verb's own further parameters stay; it is called with a GenerationRequest and those.
    """
    own = list(inspect.signature(verb, eval_str=True).parameters.values())[1:]

    def run(**values: Any) -> Any:
        mine = {parameter.name: values.pop(parameter.name) for parameter in own}
        return verb(read_request(values), **mine)

    parameters = [_prompt(), _file(), *(_parameter(option) for option in OPTIONS), *own]
    run.__signature__ = inspect.Signature(
        [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    )
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__name__, run.__doc__ = verb.__name__, verb.__doc__
    return run


def read_request(values: Mapping[str, Any]) -> GenerationRequest:
    """A request of option values by option name, laid over the file named by `request`.

    Raises RequestRefused for what cannot be read, and for what is wrong with the rest.
    """
    data = load_object(values.get("request"))
    if values.get("prompt") is not None:
        data["prompt"] = values["prompt"]
    for option in OPTIONS:
        value = values.get(option.name)
        if value is None or value == []:
            continue
        _put(data, option, value)
    data.setdefault("prompt", "")  # the plan refuses it together with everything else
    return planning.read_request(data, load_catalog())


def _put(data: dict[str, Any], option: RequestOption, value: Any) -> None:
    owner, _, leaf = option.field.rpartition(".")
    if option.read == "as is":
        place = data
        if owner:
            inner = data.get(owner)
            place = data[owner] = dict(inner) if isinstance(inner, Mapping) else {}
        place[leaf] = value
    elif option.read == "object":
        data[leaf] = data.get(leaf) or {}
    elif option.read == "numbers":
        data[leaf] = [part.strip() for part in value.split(",") if part.strip()]
    else:
        # --image and --video fill one list; a list in the file comes first
        before = data.get(leaf)
        items = [_READERS[option.read](text) for text in value]
        data[leaf] = [*(before if isinstance(before, list) else []), *items]


def _condition(text: str) -> dict[str, Any]:
    return _parts(_AT, text)


def _lora(text: str) -> dict[str, Any]:
    parts = _parts(_STRONG, text)
    return {"name_or_path": parts.pop("source"), **parts}


def _control(text: str) -> dict[str, Any]:
    kind, found, source = text.partition("=")
    if not found:
        raise refused_option(
            "--control", f"{text!r} names no kind.", "Write for example canny=edges.mp4."
        )
    kind, _, ready = kind.partition(":")
    if ready not in ("", "ready"):
        raise refused_option(
            "--control",
            f"{text!r} says {ready!r} of its kind.",
            "Say canny:ready=edges.mp4 or nothing.",
        )
    return {"kind": kind, **_parts(_STRONG, source), **({"compute": False} if ready else {})}


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "image": _condition,
    "video": _condition,
    "lora": _lora,
    "control": _control,
}


def _parts(pattern: re.Pattern[str], text: str) -> dict[str, Any]:
    match = pattern.fullmatch(text)
    if match is None:
        return {"source": text}
    return {key: value for key, value in match.groupdict().items() if value is not None}


def load_object(path: str | None) -> dict[str, Any]:
    """The JSON object in a file (- = stdin), empty without one; RequestRefused if it is none."""
    if path is None:
        return {}
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
        data = json.loads(text)
    except OSError as error:
        raise refused_option(
            "--request", f"{path} cannot be read: {error.strerror}.", "Check the path."
        ) from None
    except ValueError as error:  # broken JSON or text that is not UTF-8
        raise refused_option(
            "--request", f"{path} is not JSON: {error}.", "Correct the file."
        ) from None
    if not isinstance(data, dict):
        raise refused_option(
            "--request", f"{path} holds no JSON object.", 'Write {"prompt": "..."}.'
        )
    return data


def refused_option(field: str, message: str, hint: str) -> RequestRefused:
    """A refusal of one thing on the command line."""
    return RequestRefused([Problem("invalid_field", message, hint, field)])


def _prompt() -> inspect.Parameter:
    argument = typer.Argument(help="What the clip shows.", show_default=False)
    return _make("prompt", Annotated[str | None, argument])


def _file() -> inspect.Parameter:
    option = typer.Option("--request", "-r", help="A request as JSON file (- = stdin).")
    return _make("request", Annotated[str | None, option])


def _parameter(option: RequestOption) -> inspect.Parameter:
    declared = typer.Option(
        *option.flags,
        help=option.help,
        rich_help_panel=option.panel,
        metavar=option.metavar,
        show_default=False,
    )
    return _make(option.name, Annotated[option.type | None, declared])


def _make(name: str, annotation: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=annotation)
