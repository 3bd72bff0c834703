"""Takes numbers and text that no rule can work with out of a request, as coded problems.

NaN, infinity, numbers beyond 64 bits and broken text would make later rules fail in ways of
their own; each is reported here and replaced by the field's default, so that the rest of the
request can still be judged.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

from pydantic import BaseModel

from ltxserve.engine.findings import Findings, show

M = TypeVar("M", bound=BaseModel)

_BIG = 2**63
_NO_DEFAULT = object()
MAX_ITEMS = 256
"""Most entries of any list in a request; no legal request comes near."""


def sane(noun: M, findings: Findings) -> M:
    """A request (or another noun) without absurd values; each one is noted in `findings`."""
    return _clean(noun, "", findings)


def _clean(noun: M, prefix: str, findings: Findings) -> M:
    changes: dict[str, Any] = {}
    for name, field in type(noun).model_fields.items():
        value = getattr(noun, name)
        default = _NO_DEFAULT if field.is_required() else field.default
        cleaned = _value(value, default, f"{prefix}{name}", findings)
        if cleaned is not value:
            changes[name] = cleaned
    return noun.model_copy(update=changes) if changes else noun


def _value(value: Any, default: Any, where: str, findings: Findings) -> Any:
    if isinstance(value, BaseModel):
        return _clean(value, f"{where}.", findings)
    if isinstance(value, tuple):
        return _items(value, default, where, findings)
    if isinstance(value, str):
        return _text(value, where, findings)
    if _is_absurd(value, where, findings):
        return 0 if default is _NO_DEFAULT else default
    return value


def _items(value: tuple[Any, ...], default: Any, where: str, findings: Findings) -> Any:
    if len(value) > MAX_ITEMS:
        findings.problem(
            "invalid_field",
            f"The list has {len(value)} entries.",
            f"Use at most {MAX_ITEMS}.",
            where,
        )
        return default
    cleaned = tuple(_value(v, _NO_DEFAULT, f"{where}.{i}", findings) for i, v in enumerate(value))
    return cleaned if any(a is not b for a, b in zip(cleaned, value, strict=True)) else value


def _is_absurd(value: Any, where: str, findings: Findings) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        findings.problem("not_a_number", f"The value is {value}.", "Use a finite number.", where)
        return True
    if isinstance(value, (int, float)) and not -_BIG <= value < _BIG:
        code = "seed_out_of_range" if where == "seed" else "invalid_field"
        findings.problem(code, f"The value is {show(value)}.", "Use a smaller number.", where)
        return True
    return False


def _text(value: str, where: str, findings: Findings) -> str:
    cleaned = value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    if cleaned == value:
        return value
    findings.problem(
        "invalid_field",
        "The text has characters that are no text (NUL or half of a surrogate pair).",
        "Remove them.",
        where,
    )
    return cleaned
