"""ltxserve: LTX video models behind one Python call, one command and one service."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ltxserve.engine.clip import Clip, ClipFile
    from ltxserve.engine.engine import Engine
    from ltxserve.engine.generate import Picture
    from ltxserve.errors import Cancelled, LtxserveError, RequestRefused
    from ltxserve.progress import Observer, Progress
    from ltxserve.types import Condition, GenerationRequest

__version__ = "0.1.0"

__all__ = [
    "Cancelled",
    "Clip",
    "ClipFile",
    "Condition",
    "Engine",
    "GenerationRequest",
    "LtxserveError",
    "Observer",
    "Progress",
    "RequestRefused",
    "generate",
    "shared_engine",
]

# Names are fetched at their first use, so that `import ltxserve` stays quick and loads no torch.
_HOMES = {
    "Cancelled": "ltxserve.errors",
    "Clip": "ltxserve.engine.clip",
    "ClipFile": "ltxserve.engine.clip",
    "Condition": "ltxserve.types",
    "Engine": "ltxserve.engine.engine",
    "GenerationRequest": "ltxserve.types",
    "LtxserveError": "ltxserve.errors",
    "Observer": "ltxserve.progress",
    "Progress": "ltxserve.progress",
    "RequestRefused": "ltxserve.errors",
}


def generate(
    prompt: str,
    *,
    image: Picture | None = None,
    last_image: Picture | None = None,
    observer: Observer | None = None,
    **fields: Any,
) -> Clip:
    """Generate a clip from a prompt and, if wanted, its first and last picture.

    image, last_image: path, http(s) URL, data URI, PIL image or RGB uint8 array
    (height, width, 3).
    observer: called with a Progress at every step; raises Cancelled to stop the run.
    fields: any field of GenerationRequest, such as num_frames=49, seed=7 or width=384.
    Runs on `shared_engine`, so only the first call loads the model. Raises RequestRefused with
    every problem of the request, MediaError, ModelUnavailable, GenerationFailed (OutOfMemory),
    ConfigurationError for LTXSERVE_* settings that cannot be used, and what the observer raises.
    """
    from ltxserve.engine.generate import request_of

    engine = shared_engine()
    return engine.generate(request_of(prompt, image, last_image, fields, engine.catalog), observer)


@cache
def shared_engine() -> Engine:
    """This process's engine, made at first use on the device that the settings choose.

    Raises ConfigurationError.
    """
    from ltxserve.engine.backends.base import Placement
    from ltxserve.engine.backends.tuning import Tuning
    from ltxserve.engine.engine import Engine
    from ltxserve.settings import load_settings

    settings = load_settings()
    return Engine(
        Placement(
            settings.device,
            settings.dtype,
            settings.models,
            download=not settings.offline,
            accepted=settings.licences,
            tuning=Tuning.of(settings.tuning),
        )
    )


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
