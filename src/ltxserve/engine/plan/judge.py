"""Reads a request and judges it in one go: what cannot be read hides nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltxserve.catalog import Catalog
from ltxserve.engine.plan.build import plan
from ltxserve.engine.plan.parse import parse_request, readable
from ltxserve.errors import RequestRefused
from ltxserve.types import GenerationRequest


def read_request(data: Mapping[str, Any], catalog: Catalog) -> GenerationRequest:
    """Read a request from plain data. A request that can be read is not judged here.

    Raises RequestRefused with one problem per field that cannot be read, and with those that the
    plan finds in the rest. Without a model that can be read, the rest is not judged.
    """
    rest, problems = readable(data)
    if not problems:
        return parse_request(data)
    if not (set(data) - set(rest)) & {"model", "preset"}:
        try:
            plan(parse_request(rest), catalog)
        except RequestRefused as refused:
            problems += refused.problems
    raise RequestRefused(dict.fromkeys(problems))
