"""Loads a model's parts from a diffusers folder. It knows where weights lie, not what they do."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import Placement
from ltxserve.errors import ModelUnavailable, OutOfMemory
from ltxserve.progress import NullObserver

if TYPE_CHECKING:
    import torch

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
    absent = [p.folder for p in PARTS if not (folder / p.folder).is_dir()] if spec.weights else [""]
    if absent:
        raise ModelUnavailable(
            "weights_missing",
            f"The files of {spec.name} are not on this machine"
            + (f": no {', '.join(absent)}." if absent[0] else "."),
            "Install the package again; a source checkout needs its catalog/tiny folder.",
            "model",
        )
    return folder


def load_backend(spec: ModelSpec, placement: Placement) -> DiffusersBackend:
    """A resident model on the device that the placement chooses.

    Raises ModelUnavailable: `backend_missing`, `weights_missing`, `weights_corrupt`; OutOfMemory.
    """
    folder = weights_folder(spec)
    try:
        from ltxserve.engine.backends.diffusers.device import choose_device, choose_dtype
        from ltxserve.engine.backends.diffusers.failures import Watched, device_errors
        from ltxserve.engine.backends.diffusers.quiet import quiet
        from ltxserve.engine.backends.diffusers.run import DiffusersBackend
    except ImportError as error:
        raise ModelUnavailable(
            "backend_missing", f"A package that generation needs is missing: {error.name}.", INSTALL
        ) from error
    device = choose_device(placement)
    dtype = choose_dtype(placement, device, small=bool(spec.weights))
    with quiet(), device_errors(Watched(NullObserver())):
        parts = {part.folder: _load(part, folder, _options(part, spec, dtype)) for part in PARTS}
        return DiffusersBackend(spec, parts, device)


def _options(part: Part, spec: ModelSpec, dtype: torch.dtype) -> dict[str, Any]:
    # local_files_only: a folder that is there must never be looked up on a hub.
    options: dict[str, Any] = {"local_files_only": True}
    if part.weights:
        options["dtype" if part.module == "transformers" else "torch_dtype"] = dtype
        options["output_loading_info"] = True
    if part.folder == "transformer" and spec.supports.stg:
        # The same attention, able to skip it; without, diffusers accepts STG and does nothing.
        options["perturbed_attn"] = True
    return options


def _load(part: Part, folder: Path, options: dict[str, Any]) -> Any:
    from safetensors import SafetensorError

    from ltxserve.engine.backends.diffusers.failures import is_exhausted

    kind = getattr(importlib.import_module(part.module), part.name)
    try:
        loaded = kind.from_pretrained(str(folder / part.folder), **options)
    except (OSError, SafetensorError, json.JSONDecodeError, LookupError, ValueError) as error:
        raise _corrupt(part, error) from error
    except RuntimeError as error:
        if is_exhausted(error):
            raise OutOfMemory() from error
        raise _corrupt(part, error) from error
    if not part.weights:
        return loaded
    model, found = loaded
    lacking = sorted(found["missing_keys"])
    if lacking:  # the libraries fill them with random numbers and go on
        raise _corrupt(part, f"{len(lacking)} weights are missing, such as {lacking[0]}")
    return model


def _corrupt(part: Part, why: object) -> ModelUnavailable:
    first = (str(why).splitlines() or [type(why).__name__])[0]
    return ModelUnavailable(
        "weights_corrupt",
        f"{part.folder} cannot be loaded: {first[:200]}",
        "Install or download the model again.",
        "model",
    )
