"""Arguments of the diffusion decoder that a checkpoint's metadata decides; builds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Table = Mapping[str, Any]

_SAME = {
    "out_channels": "out_channels",
    "in_channels": "latent_channels",
    "patch_size": "patch_size",
    "na_head_dim": "decoder_head_dim",
    "head_dim": "decoder_head_dim",
    "stage_channels": "decoder_stage_channels",
    "stage_depths": "decoder_stage_depths",
    "stage5_kernel": "decoder_stage5_kernel",
    "t_emb_dim": "decoder_t_emb_dim",
    "timestep_scale_multiplier": "decoder_timestep_scale_multiplier",
    "default_num_inference_steps": "decoder_num_inference_steps",
}
"""The vendor's words -> diffusers'. Of two for one argument, the later one counts."""


def decoder_arguments(vae: Table, known: Table) -> dict[str, Any]:
    """The arguments, over which goes what the file says of its decoder.

    vae: the vendor's table; the decoder's words stand under `decoder`, or in it. known: the
    layout's arguments.
    """
    told = vae.get("decoder", vae)
    found = dict(known)
    found.update({ours: told[theirs] for theirs, ours in _SAME.items() if theirs in told})
    if "stage_kernels" in told:
        # The vendor counts the diffusion stage among them; it has a kernel of its own.
        found["decoder_stage_kernels"] = told["stage_kernels"][: len(told["stage_kernels"]) - 1]
    if "upsamples" in told:
        found["decoder_upsample_strides"] = [stride for stride, _ in told["upsamples"]]
        found["decoder_upsample_channel_reductions"] = [less for _, less in told["upsamples"]]
    if "model_output_type" in vae:
        found["decoder_model_output_type"] = vae["model_output_type"]
    return found
