"""Files, functions and signatures stay small enough to read; exceptions carry their reason."""

import ast

from tests.guards.tree import CODE_FOLDERS, Function, Module, modules

FILE_LINES = 400
TEST_FILE_LINES = 500
FUNCTION_LINES = 60
PARAMETERS = 8

LONG_FILES: dict[str, str] = {}
"""path -> why this file may be longer."""

LONG_FUNCTIONS: dict[str, str] = {}
"""path:function -> why this function may be longer."""

MANY_PARAMETERS: dict[str, str] = {}
"""path:function -> why this function may take more; otherwise group them in a frozen dataclass."""


def body_lines(function: Function) -> int:
    """Lines from the first statement to the last; signature and docstring do not count."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def parameters(function: Function, module: Module) -> int:
    """Parameters that callers must know: no self, and no options that typer reads as a table."""
    args = function.args
    declared = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    counted = [arg for arg in declared if arg.arg not in {"self", "cls"}]
    if module.path.startswith("src/ltxserve/cli/"):
        counted = [arg for arg in counted if not is_option(arg)]
    return len(counted)


def is_option(arg: ast.arg) -> bool:
    """Whether the parameter is a command-line option: Annotated[..., typer.Option(...)]."""
    return arg.annotation is not None and "Annotated" in ast.unparse(arg.annotation)


def test_files() -> None:
    long = [
        f"{module.path}: {lines} lines"
        for folders, ceiling in ((CODE_FOLDERS, FILE_LINES), (("tests",), TEST_FILE_LINES))
        for module in modules(*folders)
        if (lines := module.text.count("\n")) > ceiling and module.path not in LONG_FILES
    ]
    assert not long, "split by what the parts are about:\n" + "\n".join(long)


def test_functions() -> None:
    long = [
        f"{module.path}:{function.name}: {lines} lines"
        for module in modules(*CODE_FOLDERS, "tests")
        for function in module.functions()
        if (lines := body_lines(function)) > FUNCTION_LINES
        and f"{module.path}:{function.name}" not in LONG_FUNCTIONS
    ]
    assert not long, "give the steps names of their own:\n" + "\n".join(long)


def test_parameters() -> None:
    wide = [
        f"{module.path}:{function.name}: {count} parameters"
        for module in modules(*CODE_FOLDERS, "tests")
        for function in module.functions()
        if (count := parameters(function, module)) > PARAMETERS
        and f"{module.path}:{function.name}" not in MANY_PARAMETERS
    ]
    assert not wide, "group them in a frozen dataclass:\n" + "\n".join(wide)


def test_exceptions_are_still_needed() -> None:
    paths = {module.path for module in modules(*CODE_FOLDERS, "tests")}
    named = {
        f"{module.path}:{function.name}"
        for module in modules(*CODE_FOLDERS, "tests")
        for function in module.functions()
    }
    stale = [entry for entry in LONG_FILES if entry not in paths]
    stale += [entry for entry in (*LONG_FUNCTIONS, *MANY_PARAMETERS) if entry not in named]
    assert not stale, f"no longer there, take them off the lists: {stale}"
