"""The project's own files as the guards see them: paths, sources, syntax trees. Knows no rule."""

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "ltxserve"
CODE_FOLDERS = ("src", "benchmarks", "examples", "docs")
"""Folders whose Python is production code; tests are held to looser sizes."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file: its path relative to the repository, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def docstring(self) -> str | None:
        return ast.get_docstring(self.tree)

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones included."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def imports(self) -> Iterator[str]:
        """Dotted names of everything imported anywhere in the file, late imports included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module or ""
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every Python file below the folders (relative to the repository), in order of path."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return tuple(_parse(path) for path in found)


def _parse(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path.relative_to(ROOT).as_posix(), text, ast.parse(text, filename=str(path)))


@functools.cache
def tracked_files() -> tuple[str, ...]:
    """Paths git knows or would add, relative to the repository; empty outside a checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def run_python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter at the repository's root, with src/ on its path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
