"""The error tree: codes are declared, errors carry their fix and survive a process border."""

import ast
import pickle
from pathlib import Path

import pytest

from ltxserve import errors
from ltxserve.errors import (
    CODES,
    MAX_PROBLEMS,
    Cancelled,
    LtxserveError,
    OutOfMemory,
    Problem,
    RequestRefused,
)

SOURCE = Path(errors.__file__).parent
RAISED = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, LtxserveError)
} | {"Problem"}


def codes_used_in(path: Path) -> set[str]:
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    return {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id in RAISED
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def test_every_code_used_in_the_source_is_declared():
    used = {code: path.name for path in SOURCE.rglob("*.py") for code in codes_used_in(path)}
    assert {code: file for code, file in used.items() if code not in CODES} == {}


def test_codes_are_snake_case_with_a_meaning():
    for code, meaning in CODES.items():
        assert code.isidentifier()
        assert code == code.lower()
        assert meaning.endswith(".")
        assert len(meaning) > 15


def test_the_tree_in_the_docstring_names_every_class():
    for name in RAISED - {"LtxserveError", "Problem"}:
        assert f"- {name} " in (errors.__doc__ or "")


def test_a_refusal_lists_every_problem():
    problems = [
        Problem("prompt_empty", "The prompt is empty.", "Write one.", "prompt"),
        Problem("size_out_of_range", "Too wide.", "Use 512.", "width"),
    ]
    refusal = RequestRefused(problems)
    assert refusal.codes == ("prompt_empty", "size_out_of_range")
    assert "2 problems" in str(refusal)
    assert "Use 512." in str(refusal)
    assert [p["field"] for p in refusal.to_dict()["problems"]] == ["prompt", "width"]  # type: ignore[index,union-attr]


def test_a_refusal_needs_a_problem():
    with pytest.raises(ValueError):
        RequestRefused([])


@pytest.mark.parametrize(
    "error",
    [
        RequestRefused([Problem("prompt_empty", "Empty.", "Write one.", "prompt")]),
        OutOfMemory(),
        Cancelled(),
        LtxserveError("weights_missing", "No weights.", "Pull them.", "model"),
    ],
)
def test_errors_survive_pickling(error: LtxserveError):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert copy.to_dict() == error.to_dict()


def test_a_refusal_with_thousands_of_problems_is_of_a_sensible_size():
    many = [Problem("unknown_field", "No such field.", "", f"f{i}") for i in range(2000)]
    refused = RequestRefused(many)
    assert len(refused.problems) == MAX_PROBLEMS
    assert refused.message.startswith("The request has 2000 problems: ")
