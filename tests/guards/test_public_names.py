"""__all__ tells the truth: every name in it exists, every public name is in it, sorted."""

import ast
import subprocess
import sys

from tests.guards.tree import PACKAGE, ROOT, Module, modules


def declared(module: Module) -> list[str] | None:
    """The literal __all__ of a module, None where it has none."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                assert node.value is not None
                return list(ast.literal_eval(node.value))
    return None


def public(module: Module) -> set[str]:
    """Names a reader would take as public: defined here, or re-exported by a package's front."""
    names: set[str] = set()
    front = module.path.endswith("__init__.py")
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif front and isinstance(node, ast.ImportFrom) and is_ours(node):
            names |= {alias.asname or alias.name for alias in node.names}
    return {name for name in names if not name.startswith("_")}


def is_ours(node: ast.ImportFrom) -> bool:
    """Whether the import takes names from this package."""
    return bool(node.level) or (node.module or "").startswith("ltxserve")


def test_all_is_complete() -> None:
    """A module with __all__ lists every function and class without an underscore."""
    lacking = {
        module.path: sorted(missing)
        for module in modules("src")
        if (names := declared(module)) is not None and (missing := public(module) - set(names))
    }
    assert not lacking, f"public but not in __all__: {lacking}"


def test_all_is_real() -> None:
    for module in modules("src"):
        names = declared(module)
        if names is None:
            continue
        bound = {
            name.id if isinstance(name, ast.Name) else name.asname or name.name
            for name in ast.walk(module.tree)
            if isinstance(name, ast.Name | ast.alias)
        }
        lazy = "__getattr__" in {function.name for function in module.functions()}
        unknown = set(names) - bound - public(module)
        assert lazy or not unknown, f"{module.path}: not there: {sorted(unknown)}"


def test_all_is_sorted() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "RUF022", str(PACKAGE)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_the_package_says_what_is_public() -> None:
    front = next(module for module in modules("src") if module.path == "src/ltxserve/__init__.py")
    assert declared(front), "ltxserve/__init__.py must define __all__"
