"""Every module opens with one to three lines: what it is and what it deliberately does not know."""

import ast

from tests.guards.tree import CODE_FOLDERS, modules


def test_modules_open_with_docstring() -> None:
    silent = [m.path for m in modules(*CODE_FOLDERS, "tests/guards") if m.text and not m.docstring]
    assert not silent, "say what it is and what it does not know:\n" + "\n".join(silent)


def test_docstrings_are_sentences() -> None:
    thin = [
        f"{module.path}: {module.docstring!r}"
        for module in modules(*CODE_FOLDERS)
        if module.docstring and len(module.docstring.split()) < 4
    ]
    assert not thin, "too thin to help:\n" + "\n".join(thin)


def test_public_functions_of_the_package_are_documented() -> None:
    """Only the names a caller imports: __all__ modules' functions and every public class."""
    bare = [
        f"{module.path}:{node.name}"
        for module in modules("src")
        for node in module.tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not module.path.startswith("src/ltxserve/cli/")
    ]
    assert not bare, "one sentence, then shapes, units, ranges, errors:\n" + "\n".join(bare)
