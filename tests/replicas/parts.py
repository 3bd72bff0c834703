"""Replicas of files that came with LTX-2.5: the duration head, the VAE with a diffusion decoder.

The vendor's own class has the decoder's projections apart and no gates: its loader cuts and folds
them. The files have them together, with gates beside, so that is how they are recorded.
"""

from __future__ import annotations

import json
import re
from typing import Any

import torch
from torch import Tensor

from tests.replicas.build import Replica, random_tensor, shapes_of
from tests.replicas.configs import FULL, SMALL, VAE_23, VAE_23_SMALL, Config

HEADS = (
    Config("ltx-2.5-duration-head", {"transformer": dict(FULL)}),
    Config("ltx-2.5-duration-head-small", {"transformer": dict(SMALL)}),
)

_OF_ENCODER = {
    "_class_name": "CausalVideoEncoder", "dims": 3, "in_channels": 3, "patch_size": 4,
    "norm_layer": "pixel_norm", "latent_log_var": "uniform", "spatial_padding_mode": "zeros",
}  # fmt: skip
_STRIDES = ((1, 2, 2), (2, 1, 1), (2, 2, 2), (2, 2, 2))


def _diffusion(name: str, encoder: list[Any], decoder: dict[str, Any]) -> Config:
    channels = decoder["in_channels"]
    both = {
        "encoder": {**_OF_ENCODER, "out_channels": channels, "blocks": encoder},
        "decoder": {"out_channels": 3, "patch_size": 4, **decoder},
    }
    whole = {"_class_name": "CausalDiffusionVAE", "model_output_type": "x0", **both}
    return Config(name, {"vae": whole})


VAES = (
    _diffusion(
        "ltx-2.5-diffusion-vae",
        VAE_23["encoder_blocks"],
        {
            "in_channels": 128, "head_dim": 64, "t_emb_dim": 384,
            "stage_channels": [2048, 1024, 512, 512, 256], "stage_depths": [4, 6, 4, 2, 8],
            "stage_kernels": [[3, 7, 7], [3, 7, 7], [3, 5, 5], [3, 5, 5], [3, 3, 3]],
            "upsamples": [*map(list, zip(_STRIDES, (2, 2, 1, 2), strict=True))],
            "stage5_kernel": [11, 11, 11], "timestep_scale_multiplier": 1000.0,
            "default_num_inference_steps": 1,
        },
    ),
    _diffusion(
        "ltx-2.5-diffusion-vae-small",
        VAE_23_SMALL["encoder_blocks"],
        {
            "in_channels": 32, "head_dim": 16, "t_emb_dim": 32,
            "stage_channels": [64, 32, 16, 16, 16], "stage_depths": [1, 2, 1, 1, 2],
            "stage_kernels": [[3, 1, 1], *[[3, 3, 3]] * 4],
            "upsamples": [*map(list, zip(_STRIDES, (2, 2, 1, 1), strict=True))],
            "stage5_kernel": [3, 5, 5], "timestep_scale_multiplier": 1000.0,
            "default_num_inference_steps": 1,
        },
    ),
)  # fmt: skip
PARTS = {config.name: config for config in (*HEADS, *VAES)}
_QKV = re.compile(r"(.*\.attn\.qkv)\.to_([qkv])\.(weight|bias)")
_GATED = {"gate_msa": "attn.proj", "gate_mlp": "mlp.w_down", "gate_ctx": "context_proj"}


def vae_shapes(config: Config) -> dict[str, list[int]]:
    """A VAE with a diffusion decoder, from ltx-core's own classes, as its files have it."""
    from tests.replicas.record import VIDEO, built

    told = {"config": config.metadata}
    found: dict[str, list[int]] = {}
    for side in ("encoder", "decoder"):
        kind = f"{VIDEO}:Video{side.capitalize()}Configurator"
        for name, tensor in built(kind, told).items():
            shared = name.startswith("per_channel_statistics.")
            stored, shape = f"vae.{name}" if shared else f"vae.{side}.{name}", [*tensor.shape]
            if match := _QKV.fullmatch(stored):
                found[f"{match[1]}.{match[3]}"] = [3 * shape[0], *shape[1:]]
            else:
                found[_as_stored(stored)] = shape
    blocks = {name.split(".")[3] for name in found if ".diff_blocks." in name}
    for block in blocks:
        root = f"vae.decoder.diff_blocks.{block}"
        for gate, layer in _GATED.items():
            found[f"{root}.{gate}"] = found[f"{root}.{layer}.weight"][:1]
    return found


def _as_stored(name: str) -> str:
    embedder = "t_embedder.timestep_embedder.linear_"
    return name.replace(f"{embedder}1", "t_embedder.mlp.0").replace(
        f"{embedder}2", "t_embedder.mlp.2"
    )


def head_shapes(config: Config) -> dict[str, list[int]]:
    """A duration head, from ltx-core's own class; it stores the projections as one matrix."""
    place = "ltx_core.duration_head.model_configurator:DurationHeadConfigurator"
    from tests.replicas.record import built, collapsed

    return collapsed(built(place, {"config": config.metadata}), "duration_head.")


def part(name: str, dtype: torch.dtype = torch.bfloat16, seed: int = 0) -> Replica:
    """A file with random weights, by its name in `PARTS`."""
    config = PARTS[name]
    generator = torch.Generator().manual_seed(seed)
    shapes = shapes_of(config)
    tensors = {n: random_tensor(n, s, generator).to(dtype) for n, s in shapes.items()}
    return Replica(tensors, {"config": json.dumps(config.metadata)})


def with_seconds(head: Replica, seconds: float) -> Replica:
    """A duration head that says so many seconds, whatever the prompt."""
    tensors: dict[str, Tensor] = dict(head.tensors)
    last = "duration_head.mlp_out"
    tensors[f"{last}.weight"] = torch.zeros_like(tensors[f"{last}.weight"])
    tensors[f"{last}.bias"] = torch.full_like(tensors[f"{last}.bias"], seconds).float().log()
    return Replica(tensors, head.metadata)
