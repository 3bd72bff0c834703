"""Loads a model's parts from a diffusers folder. It knows where weights lie, not what they do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import Placement
from ltxserve.errors import ModelUnavailable

if TYPE_CHECKING:
    from ltxserve.engine.backends.diffusers.run import DiffusersBackend

INSTALL = "Install the engine: pip install 'ltxserve[engine]'."


@dataclass(frozen=True)
class Part:
    """A component of a pipeline: its folder and the class that reads it."""

    folder: str
    module: str
    name: str
    weights: bool = True


PARTS = (
    Part("transformer", "diffusers", "LTX2VideoTransformer3DModel"),
    Part("vae", "diffusers", "AutoencoderKLLTX2Video"),
    Part("audio_vae", "diffusers", "AutoencoderKLLTX2Audio"),
    Part("vocoder", "diffusers.pipelines.ltx2.vocoder", "LTX2Vocoder"),
    Part("connectors", "diffusers.pipelines.ltx2.connectors", "LTX2TextConnectors"),
    Part("text_encoder", "transformers", "Gemma3ForConditionalGeneration"),
    Part("tokenizer", "transformers", "PreTrainedTokenizerFast", weights=False),
    Part("scheduler", "diffusers", "FlowMatchEulerDiscreteScheduler", weights=False),
)


def weights_folder(spec: ModelSpec) -> Path:
    """Where a built-in model's weights lie. Raises ModelUnavailable `weights_missing`."""
    folder = Path(str(resources.files("ltxserve.catalog").joinpath(spec.weights)))
    if not spec.weights or not (folder / "model_index.json").is_file():
        raise ModelUnavailable(
            "weights_missing",
            f"The files of {spec.name} are not on this machine.",
            "Install the package again; a source checkout needs its catalog/tiny folder.",
            "model",
        )
    return folder


def load_backend(spec: ModelSpec, placement: Placement) -> DiffusersBackend:
    """A resident model. Raises ModelUnavailable: `backend_missing`, `weights_missing`, `weights_corrupt`."""
    folder = weights_folder(spec)
    try:
        from ltxserve.engine.backends.diffusers.device import choose_device, choose_dtype
        from ltxserve.engine.backends.diffusers.run import DiffusersBackend
    except ImportError as error:
        raise ModelUnavailable(
            "backend_missing", f"A package that generation needs is missing: {error.name}.", INSTALL
        ) from error
    device = choose_device(placement)
    dtype = choose_dtype(placement, device, small=bool(spec.weights))
    parts = {part.folder: _load(part, folder, dtype) for part in PARTS}
    return DiffusersBackend(spec, parts, device)


def _load(part: Part, folder: Path, dtype: Any) -> Any:
    import importlib

    from safetensors import SafetensorError

    kind = getattr(importlib.import_module(part.module), part.name)
    # local_files_only: a folder that is there must never be looked up on a hub.
    options: dict[str, Any] = {"local_files_only": True}
    if part.weights:
        options["dtype" if part.module == "transformers" else "torch_dtype"] = dtype
    try:
        return kind.from_pretrained(str(folder / part.folder), **options)
    except (
        OSError,
        SafetensorError,
        json.JSONDecodeError,
        KeyError,
        ValueError,
        RuntimeError,
    ) as error:
        raise ModelUnavailable(
            "weights_corrupt",
            f"{part.folder} cannot be loaded: {str(error).splitlines()[0][:200]}",
            "Install or download the model again.",
            "model",
        ) from error
