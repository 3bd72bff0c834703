"""ltxserve: LTX video models behind one Python call, one command and one service."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ltxserve.engine.clip import Clip, ClipFile
    from ltxserve.engine.engine import Engine
    from ltxserve.engine.generate import generate
    from ltxserve.types import Condition, GenerationRequest

__version__ = "0.1.0"

__all__ = ["Clip", "ClipFile", "Condition", "Engine", "GenerationRequest", "generate"]

# Names are fetched at their first use, so that `import ltxserve` stays quick and loads no torch.
_HOMES = {
    "Clip": "ltxserve.engine.clip",
    "ClipFile": "ltxserve.engine.clip",
    "Condition": "ltxserve.types",
    "Engine": "ltxserve.engine.engine",
    "GenerationRequest": "ltxserve.types",
    "generate": "ltxserve.engine.generate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
