"""What a key may do, as words; knows no routes."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from ltxserve.errors import Problem, RequestRefused

ALL = "*"
SCOPES = MappingProxyType(
    {
        "read": "See models, prices, jobs and results.",
        "generate": "Submit, cancel and delete jobs, and upload files.",
        "admin": "Manage accounts, keys and credits.",
        ALL: "Everything.",
    }
)
"""Scope -> what it allows. A key never may more than its account."""

USER = ("read", "generate")
"""What accounts and keys have unless told otherwise."""


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes in a fixed order, each once. Raises RequestRefused for unknown ones and none."""
    wanted = set(scopes)
    unknown = sorted(wanted - set(SCOPES))
    if unknown or not wanted:
        what = f"{', '.join(unknown)[:60]!r} is not a scope." if unknown else "There is no scope."
        hint = f"Use {', '.join(SCOPES)}."
        raise RequestRefused([Problem("invalid_field", what, hint, "scopes")])
    return tuple(scope for scope in SCOPES if scope in wanted)


def allows(scopes: Iterable[str], scope: str) -> bool:
    """Whether the scopes contain `scope`, by name or by *."""
    held = set(scopes)
    return scope in held or ALL in held


def narrow(mine: Iterable[str], ceiling: Iterable[str]) -> tuple[str, ...]:
    """The scopes that both sets allow: a key of an account that has lost a scope loses it too."""
    mine, ceiling = tuple(mine), tuple(ceiling)
    both = tuple(scope for scope in SCOPES if allows(mine, scope) and allows(ceiling, scope))
    return (ALL,) if ALL in both else both
