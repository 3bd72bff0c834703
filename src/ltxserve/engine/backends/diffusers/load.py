"""Makes a resident model: finds its weights, has its parts read, hands them to what runs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltxserve.catalog import ModelSpec
from ltxserve.catalog.weights.hub import Hub
from ltxserve.catalog.weights.needs import Located, Need, locate
from ltxserve.catalog.weights.places import Places
from ltxserve.catalog.weights.pull import Wish, logged, pull
from ltxserve.engine.backends.adapters import AdapterFinder
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.folders import (
    WEIGHTLESS,
    Part,
    Reading,
    corrupt,
    listed_parts,
    load_part,
)
from ltxserve.errors import ModelUnavailable
from ltxserve.progress import NullObserver

if TYPE_CHECKING:
    import torch

    from ltxserve.engine.backends.base import Backend

INSTALL = "Install the engine: pip install 'ltxserve[engine]'."
PARTS = (
    Part("transformer", "diffusers", "LTX2VideoTransformer3DModel"),
    Part("vae", "diffusers", "AutoencoderKLLTX2Video"),
    Part("audio_vae", "diffusers", "AutoencoderKLLTX2Audio"),
    Part("vocoder", "diffusers.pipelines.ltx2.vocoder", "LTX2Vocoder"),
    Part("connectors", "diffusers.pipelines.ltx2.connectors", "LTX2TextConnectors"),
    Part("text_encoder", "transformers", "Gemma3ForConditionalGeneration"),
    Part("tokenizer", "transformers", "PreTrainedTokenizerFast"),
    Part("scheduler", "diffusers", "FlowMatchEulerDiscreteScheduler"),
)
"""Of the built-in model; folders of others say in model_index.json what they have."""
UPSAMPLERS = {
    "ltx2": ("diffusers.pipelines.ltx2.latent_upsampler", "LTX2LatentUpsamplerModel"),
    "ltx-video": ("diffusers.pipelines.ltx.modeling_latent_upsampler", "LTXLatentUpsamplerModel"),
}
"""Families -> module and class of the folders that may lie beside a pipeline's parts."""
DURATION_HEAD = "duration_head"
DIFFUSION_DECODER = "diffusion_decoder"
UPSAMPLER_FOLDERS = ("latent_upsampler", "temporal_latent_upsampler")
COMPILED = ".compiled"
"""The folder, beside the models, of what torch.compile has made of them."""


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


def find_weights(spec: ModelSpec, placement: Placement) -> Located:
    """Where a row's files lie; pulled first, where that is allowed and they are nowhere.

    Raises ModelUnavailable: `weights_missing`, and whatever `pull` raises.
    """
    places = Places(configured=placement.models_dir)
    located = locate(spec, places)
    if located.blocking and placement.download:
        wish = Wish(spec, accepted=placement.accepted)
        pull(wish, places, Hub(), logged)
        located = locate(spec, places)
    lacking = [*located.blocking, *_of_second_pass(spec, located)]
    if lacking:
        names = "; ".join(need.name for need in lacking)
        raise ModelUnavailable(
            "weights_missing",
            f"The files of {spec.name} are not on this machine: {names}.",
            f"Pull them: ltxserve models pull {spec.name}",
            "model",
        )
    return located


def _of_second_pass(spec: ModelSpec, located: Located) -> list[Need]:
    """Multi-scale models cannot do without their upscaler."""
    if spec.sampling.first_pass_scale == 1:
        return []
    return [need for need in located.missing if need.role == "spatial_upscaler"]


@contextmanager
def needs_engine() -> Iterator[None]:
    """Inside, a package that cannot be imported is ModelUnavailable `backend_missing`."""
    try:
        yield
    except ImportError as error:
        raise ModelUnavailable(
            "backend_missing", f"A package that generation needs is missing: {error.name}.", INSTALL
        ) from error


def load_backend(spec: ModelSpec, placement: Placement) -> Backend:
    """A resident model on the device that the placement chooses.

    Raises ModelUnavailable: `backend_missing`, `weights_missing`, `weights_corrupt`; OutOfMemory.
    """
    located = None if spec.weights or not spec.layout else find_weights(spec, placement)
    folder = weights_folder(spec) if located is None else None
    with needs_engine():
        from torch import inference_mode

        from ltxserve.engine.backends.diffusers.device import choose_device, choose_dtype
        from ltxserve.engine.backends.diffusers.failures import Watched, device_errors
        from ltxserve.engine.backends.diffusers.ltxv import LtxvBackend
        from ltxserve.engine.backends.diffusers.quiet import quiet
        from ltxserve.engine.backends.diffusers.run import DiffusersBackend
    find = AdapterFinder(placement)
    device = choose_device(placement)
    dtype = choose_dtype(placement, device, small=bool(spec.weights))
    # Weights outlive the caller's block: loaded as inference tensors, they could not leave it.
    with inference_mode(False), quiet(), device_errors(Watched(NullObserver())):
        if located is None:
            parts = _from_folder(spec, PARTS, folder or Path(), dtype)
        else:
            parts = _from_files(spec, located, dtype, device)
        tune(parts["transformer"], placement, device, dtype)
        if spec.family == "ltx-video":
            return LtxvBackend(spec, parts, device, find)
        return DiffusersBackend(spec, parts, device, find)


def tune(transformer: Any, placement: Placement, device: torch.device, dtype: torch.dtype) -> None:
    """Make it quicker, as the operator has chosen. Raises ModelUnavailable `backend_missing`."""
    from ltxserve.engine.backends.diffusers.attention import Place, attend_by, choose_attention
    from ltxserve.engine.backends.diffusers.compiling import compile_blocks

    tuning = placement.tuning
    name = choose_attention(tuning.attention, Place.of(device, dtype))
    if name != "sdpa":  # which is what diffusers does by itself
        attend_by(transformer, name)
    cache = tuning.cache or Places(configured=placement.models_dir).target() / COMPILED
    compile_blocks(transformer, tuning, device, cache)


def _from_files(
    spec: ModelSpec, located: Located, dtype: torch.dtype, device: torch.device
) -> dict[str, Any]:
    from ltxserve.engine.backends.diffusers.reading.assemble import Choice
    from ltxserve.engine.backends.diffusers.reading.parts import (
        part_names,
        read_extras,
        read_parts,
    )

    folder, choice = located.path("pipeline"), Choice(dtype, device)
    if folder is None:
        return read_parts(spec, located, choice)
    also = ("text_encoder", DURATION_HEAD, *WEIGHTLESS)
    if spec.vae == "diffusion":
        also = (*also, DIFFUSION_DECODER)
    listed = listed_parts(folder, (*part_names(spec), *also))
    wanted = [part for part in listed if part.folder != "processor"]
    parts = _from_folder(spec, tuple(wanted), folder, dtype)
    if spec.vae == "diffusion":
        from ltxserve.engine.backends.diffusers.diffusion_vae import DiffusionVae

        parts["vae"] = DiffusionVae.of(parts["vae"], _decoder_of(parts))
    return {**parts, **read_extras(spec, located, choice)}


def _decoder_of(parts: dict[str, Any]) -> Any:
    """The diffusion decoder of a folder. Raises ModelUnavailable `weights_corrupt`."""
    if DIFFUSION_DECODER not in parts:
        raise corrupt(DIFFUSION_DECODER, "the folder's model_index.json names none")
    return parts.pop(DIFFUSION_DECODER)


def _from_folder(
    spec: ModelSpec, parts: tuple[Part, ...], folder: Path, dtype: torch.dtype
) -> dict[str, Any]:
    # The same attention, able to skip it; without, diffusers accepts STG and does nothing.
    stg = {"perturbed_attn": True} if spec.supports.stg and spec.family == "ltx2" else {}
    reading = Reading(dtype, {"transformer": stg}, mapped=bool(spec.weights))
    parts = (*parts, *_upsamplers(spec, folder))
    folders = {part.folder: folder / part.folder for part in parts}
    whole = folder / "transformer_full"  # LTX-2.5's folder has both variants
    if spec.variant == "dev" and whole.is_dir():
        folders["transformer"] = whole
    loaded = {part.folder: load_part(part, folders[part.folder], reading) for part in parts}
    if spec.layout:
        from ltxserve.engine.backends.diffusers.reading.parts import scheduler_of

        loaded["scheduler"] = scheduler_of(spec)  # the folder's is of one variant only
    return loaded


def _upsamplers(spec: ModelSpec, folder: Path) -> tuple[Part, ...]:
    """Those that a folder has; no model_index.json names them."""
    module, kind = UPSAMPLERS[spec.family]
    found = (name for name in UPSAMPLER_FOLDERS if (folder / name / "config.json").is_file())
    return tuple(Part(name, module, kind) for name in found)
