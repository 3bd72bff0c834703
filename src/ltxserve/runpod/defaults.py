"""What a job gets that does not say: the defaults of the two workers this one stands for; pure.

They are rows of catalog/presets.toml. The numbers of a model that they were not written for are
its own: a distilled model has its steps and no guidance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltxserve.catalog import Catalog, ModelSpec
from ltxserve.engine.plan.ways import FROM_VIDEO
from ltxserve.errors import LtxserveError

LTXV, LTX2 = "runpod-ltxv", "runpod-ltx2"
_LENGTH = ("num_frames", "seconds")
_STEPS = ("num_inference_steps", "sigmas")


def filled(request: Mapping[str, Any], catalog: Catalog, model: str) -> dict[str, Any]:
    """The request with its model and what it leaves open; a preset of the caller's decides alone.

    model: serves those who name none. An unknown model is left for the plan to refuse.
    """
    if request.get("preset") is not None:
        return dict(request)
    named = {**request, "model": request.get("model") or model}
    try:
        spec = catalog.model(str(named["model"]))
    except LtxserveError:
        return named
    return {**_open(named, _values(catalog, spec)), **named}


def _values(catalog: Catalog, spec: ModelSpec) -> Mapping[str, Any]:
    ltxv, ltx2 = catalog.preset(LTXV).values, catalog.preset(LTX2).values
    values = ltxv if spec.name == ltxv["model"] else ltx2
    guided = spec.family == "ltx2" and spec.variant == "dev"
    guiding = () if guided else (*_STEPS, "guidance_scale")
    return {name: value for name, value in values.items() if name not in ("model", *guiding)}


def _open(request: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values whose choice the request leaves open."""
    closed: set[str] = set()
    if any(request.get(name) is not None for name in FROM_VIDEO):
        closed |= {"width", "height", "fps", *_LENGTH}  # those of the video
    if request.get("sound") is not None:
        closed |= set(_LENGTH)  # that of the sound
    if request.get("size") is not None or request.get("aspect_ratio") is not None:
        closed |= {"width", "height"}
    for group in (_LENGTH, _STEPS):
        if any(request.get(name) is not None for name in group):
            closed |= set(group)
    return {name: value for name, value in values.items() if name not in closed}
