"""Tests mirror the code: src/ltxserve/x/y.py is tested in tests/unit/x/test_y.py."""

import ast
from pathlib import PurePosixPath

from tests.guards.tree import ROOT, Module, modules

NOT_MIRRORED: dict[str, str] = {}
"""path -> why it has no unit test file of its own, and where it is tested instead."""


def has_code(module: Module) -> bool:
    """Whether the file does something: a function, or a class that has methods."""
    return any(True for _ in module.functions())


def candidates(path: str) -> list[str]:
    """Where the tests of a source file may be; a package's __init__ may use the package's name."""
    source = PurePosixPath(path).relative_to("src/ltxserve")
    folder = PurePosixPath("tests/unit") / source.parent
    names = [source.stem]
    if source.stem == "__init__":
        package = source.parent.name or "ltxserve"
        names = ["init", package]
        return [str(folder / f"test_{name}.py") for name in names] + [
            str(folder.parent / f"test_{package}.py")
        ]
    return [str(folder / f"test_{name}.py") for name in names]


def test_every_module_has_its_test() -> None:
    missing = [
        f"{module.path} -> {candidates(module.path)[0]}"
        for module in modules("src")
        if has_code(module)
        and module.path not in NOT_MIRRORED
        and not any((ROOT / name).is_file() for name in candidates(module.path))
    ]
    assert not missing, "untested:\n" + "\n".join(missing)


def test_every_unit_test_has_its_module() -> None:
    stray = [
        module.path
        for module in modules("tests/unit")
        if module.path.rpartition("/")[2].startswith("test_") and not source_of(module.path)
    ]
    assert not stray, "no such module under src/ltxserve (renamed?):\n" + "\n".join(stray)


def source_of(test: str) -> bool:
    """Whether tests/unit/x/test_y.py, or test_y_<aspect>.py, belongs to an existing x/y."""
    relative = PurePosixPath(test).relative_to("tests/unit")
    subject = relative.stem.removeprefix("test_")
    for base in (ROOT / "src" / "ltxserve", ROOT):
        folder = base / relative.parent
        if subject in {"init", folder.name} and (folder / "__init__.py").is_file():
            return True
        names = [path.stem for path in folder.glob("*.py")]
        names += [path.parent.name for path in folder.glob("*/__init__.py")]
        if any(subject == name or subject.startswith(f"{name}_") for name in names):
            return True
    return subject == "ltxserve"


def test_exceptions_are_still_needed() -> None:
    stale = [path for path in NOT_MIRRORED if not (ROOT / path).is_file()]
    assert not stale, f"no longer there: {stale}"


def test_tests_assert_something() -> None:
    idle = [
        f"{module.path}:{function.name}"
        for module in modules("tests")
        for function in module.functions()
        if function.name.startswith("test_") and not proves(function)
    ]
    assert not idle, "a test that cannot fail:\n" + "\n".join(idle)


def proves(function: ast.AST) -> bool:
    """Whether the test asserts, expects an exception, or calls something named to check."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in {"raises", "skip", "fail"} or called.startswith(("assert", "check")):
                return True
    return False
