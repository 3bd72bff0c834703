"""The API against its own description: no 500 and no undocumented answer, whatever is sent."""

import itertools
from typing import Any

import hypothesis
import pytest

from tests.api.serving import PATIENCE, Served, sample, serving
from tests.api.test_native import SMALL

schemathesis = pytest.importorskip("schemathesis", reason="in the extra `external`")
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
SLOW = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much]
ENDLESS = r"/api/generations/\{id\}/events"
"""A stream of an unfinished job ends with the job."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with serving(tmp_path_factory.mktemp("described")) as server:
        yield server


@pytest.fixture(scope="module")
def known(served: Served) -> list[str]:
    """Ids of jobs in every state, of a batch and of an upload."""
    with served.client() as client:
        made = [client.post("/api/generations", json=SMALL).json()["id"] for _ in range(4)]
        batch = client.post("/api/generations", json={**SMALL, "count": 2}).json()["id"]
        picture = sample(served.folder, "p.png").read_bytes()
        upload = client.post("/api/uploads", files={"file": ("p.png", picture)}).json()["id"]
        client.post(f"/api/generations/{made[3]}/cancel")
    served.finish(made[0])
    served.fail(made[1])
    return [*made, batch, upload]


def operations(served: Served, known: list[str]) -> list[Any]:
    """Every documented operation; most of the ids they are tried with exist."""
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    ids = itertools.cycle([*known, None])

    @schema.hook
    def map_path_parameters(context: Any, path_parameters: Any) -> Any:
        chosen = None if context.operation.method.upper() == "DELETE" else next(ids)
        if path_parameters and "id" in path_parameters and chosen:
            path_parameters["id"] = chosen
        return path_parameters

    return [found.ok() for found in schema.exclude(path_regex=ENDLESS).get_all_operations()]


@pytest.mark.slow
def test_every_operation_keeps_its_word(served: Served, known: list[str]):
    found = operations(served, known)
    assert len(found) > 50
    for operation in found:
        check_operation(operation)


def check_operation(operation: Any) -> None:
    """Try an operation with what hypothesis makes of its description."""

    @hypothesis.settings(
        max_examples=6,
        suppress_health_check=SLOW,
        deadline=None,
        derandomize=True,
        database=None,
    )
    @hypothesis.given(case=operation.as_strategy())
    def keeps_its_word(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=PATIENCE)

    keeps_its_word()
