"""Tests use fakes with behaviour, never mocks: a mock agrees with code that is wrong."""

import ast
from collections.abc import Iterator

from tests.guards.tree import Module, modules

MOCKING_MODULES = ("mock", "unittest.mock", "pytest_mock", "flexmock", "mockito")
ENVIRONMENT_ONLY = {"setenv", "delenv", "chdir", "syspath_prepend", "context", "undo"}
"""What pytest's monkeypatch may do: change the surroundings, never the code under test."""


def offences(module: Module) -> Iterator[str]:
    for name in module.imports():
        if name in MOCKING_MODULES or name.startswith(tuple(f"{m}." for m in MOCKING_MODULES)):
            yield f"{module.path}: imports {name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.arg) and node.arg == "mocker":
            yield f"{module.path}:{node.lineno}: fixture mocker"
        if not isinstance(node, ast.Attribute) or node.attr in ENVIRONMENT_ONLY:
            continue
        if ast.unparse(node.value) in {"monkeypatch", "patch"}:
            yield f"{module.path}:{node.lineno}: monkeypatch.{node.attr}"


def test_no_mocks() -> None:
    found = [offence for module in modules("tests") for offence in offences(module)]
    assert not found, "write a fake, or pass the part in:\n" + "\n".join(sorted(set(found)))
