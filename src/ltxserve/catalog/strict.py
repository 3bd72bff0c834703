"""Builds a frozen dataclass from a TOML table and accepts nothing it does not know.

Knows types, not meanings: an unknown key, a missing key or a wrong type is a ConfigurationError
that names the place.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ltxserve.errors import ConfigurationError

T = TypeVar("T")


def build(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Make a `cls` of `table`; `where` names the table in messages."""
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(fields)}."
            raise wrong(f"{where} has an unknown key {key!r}.", hint)
    missing = [n for n, f in fields.items() if n not in table and _required(f)]
    if missing:
        raise wrong(f"{where} lacks {', '.join(missing)}.", "Add the key.")
    values = {key: _value(hints[key], value, f"{where}.{key}") for key, value in table.items()}
    return cls(**values)


def wrong(message: str, hint: str) -> ConfigurationError:
    """The error of catalog data that contradict their schema."""
    return ConfigurationError("catalog_invalid", message, hint)


def _required(item: dataclasses.Field[Any]) -> bool:
    nothing = dataclasses.MISSING
    return item.default is nothing and item.default_factory is nothing


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = next(a for a in get_args(hint) if a is not type(None))
        return None if value is None else _value(inner, value, where)
    if origin is tuple:
        return tuple(
            _value(get_args(hint)[0], item, f"{where}[{i}]")
            for i, item in enumerate(_expect(list, value, where))
        )
    if origin is Literal:
        if value not in get_args(hint):
            raise wrong(f"{where} is {value!r}.", f"Use one of {', '.join(get_args(hint))}.")
        return value
    if origin is not None:  # Mapping[...]
        return types.MappingProxyType(dict(_expect(dict, value, where)))
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else build(hint, _expect(dict, value, where), where)
    if hint is float and type(value) is int:
        return float(value)
    return _expect(hint, value, where)


def _expect(kind: Any, value: Any, where: str) -> Any:
    # bool is an int to isinstance, never to a reader of a data file
    if type(value) is not kind:
        raise wrong(
            f"{where} is {value!r}, a {type(value).__name__}.", f"It has to be a {kind.__name__}."
        )
    return value
