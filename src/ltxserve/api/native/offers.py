"""Routes of what the service offers: models, presets, adapters, error codes, quotes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ltxserve.api import docs
from ltxserve.api.auth import Reader
from ltxserve.api.context import Jobs
from ltxserve.api.native.jobs import JsonBody
from ltxserve.api.native.submissions import GenerationBody, read
from ltxserve.api.statuses import STATUS_OF
from ltxserve.catalog import ModelSpec
from ltxserve.errors import CODES, NotFound

router = APIRouter(prefix="/api", tags=["offers"])


@router.post("/quote", responses=docs.problems(docs.WRITE), openapi_extra=docs.body(GenerationBody))
def quote(account: Reader, jobs: Jobs, given: JsonBody) -> dict[str, Any]:
    """What a request would cost and how it would run; starts and fetches nothing."""
    return jobs.quote(account, read(given)).to_dict()


@router.get("/models", responses=docs.problems(docs.READ))
def models(account: Reader, jobs: Jobs) -> dict[str, Any]:
    """Every model of the catalog, with what it can do and whether this build runs it."""
    del account
    return {"data": [model_view(spec) for spec in jobs.catalog.models.values()]}


@router.get("/models/{name}", responses=docs.problems(docs.READ))
def model(account: Reader, jobs: Jobs, name: str) -> dict[str, Any]:
    """One model, by its name or an alias."""
    del account
    if name not in _names(jobs):
        raise NotFound("not_found", "No model has this name.", "See /api/models.", "name")
    return model_view(jobs.catalog.model(name))


@router.get("/presets", responses=docs.problems(docs.READ))
def presets(account: Reader, jobs: Jobs) -> dict[str, Any]:
    """Named request values."""
    del account
    return {
        "data": [
            {
                "name": preset.name,
                "title": preset.title,
                "values": dict(preset.values),
                "locked": list(preset.locked),
            }
            for preset in jobs.catalog.presets.values()
        ]
    }


@router.get("/loras", responses=docs.problems(docs.READ))
def loras(account: Reader, jobs: Jobs) -> dict[str, Any]:
    """Adapters of the catalog, with the models they fit."""
    del account
    return {
        "data": [
            {
                "name": lora.name,
                "kind": lora.kind,
                "base": list(lora.base),
                "strength": lora.strength,
                "motion": lora.motion,
                "control": list(lora.control),
                "trigger": lora.trigger,
                "note": lora.note,
            }
            for lora in jobs.catalog.loras.values()
        ]
    }


@router.get("/errors")
async def errors() -> dict[str, Any]:
    """Every error code, its meaning and its HTTP status."""
    return {"data": [error_view(code) for code in CODES]}


@router.get("/errors/{code}", responses=docs.problems((404,)))
async def error(code: str) -> dict[str, Any]:
    """One error code: what the `type` of problem details leads to."""
    if code not in CODES:
        raise NotFound("not_found", "There is no such error code.", "See /api/errors.", "code")
    return error_view(code)


def error_view(code: str) -> dict[str, Any]:
    """A code, its meaning and its status."""
    return {"code": code, "meaning": CODES[code], "status": STATUS_OF.get(code, 500)}


def model_view(spec: ModelSpec) -> dict[str, Any]:
    """A model as callers choose by it: limits, defaults, abilities, licence."""
    return {
        "name": spec.name,
        "title": spec.title,
        "family": spec.family,
        "aliases": list(spec.aliases),
        "runs": spec.runs,
        "reason": spec.reason,
        "limits": {**vars(spec.limits), "trained_fps": list(spec.limits.trained_fps)},
        "defaults": vars(spec.defaults),
        "steps": spec.sampling.steps,
        "supports": {**vars(spec.supports), "controls": list(spec.supports.controls)},
        "licence": vars(spec.licence),
        "note": spec.note,
    }


def _names(jobs: Jobs) -> set[str]:
    specs = jobs.catalog.models.values()
    return {spec.name for spec in specs} | {alias for spec in specs for alias in spec.aliases}
