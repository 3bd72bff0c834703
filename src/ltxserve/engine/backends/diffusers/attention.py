"""Chooses what attends in a transformer, by device, through diffusers' dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from diffusers.models.attention import AttentionModuleMixin
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    _check_attention_backend_requirements,
)
from torch import nn

from ltxserve.engine.backends.tuning import AttentionChoice
from ltxserve.errors import ModelUnavailable

NAMES: Mapping[str, str] = {
    "sdpa": "native",
    "cudnn": "_native_cudnn",
    "flash3": "_flash_3",
    "sage": "sage",
}
"""Our names -> diffusers'."""
UNMASKED = ("attn1", "audio_attn1", "audio_to_video_attn", "video_to_audio_attn")
"""Attention over tokens of picture and sound, nearly all of the work. That over a text stays with
SDPA: texts may be masked, which FlashAttention 3 does not know."""
_HOPPER, _AMPERE = (9, 0), (8, 0)
_HALF = (torch.bfloat16, torch.float16)


def _missing(name: str) -> str:
    """Why a backend's package cannot be used; "" where it can."""
    try:
        _check_attention_backend_requirements(AttentionBackendName(name))
    except RuntimeError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class Place:
    """Where attention is to be computed. capability: of a CUDA GPU, (0, 0) elsewhere.

    missing: says why the package behind one of diffusers' names cannot be used here.
    """

    device: str
    dtype: torch.dtype
    capability: tuple[int, int] = (0, 0)
    missing: Callable[[str], str] = _missing

    @classmethod
    def of(cls, device: torch.device, dtype: torch.dtype) -> Place:
        """A device of this machine."""
        if device.type != "cuda":
            return cls(device.type, dtype)
        return cls("cuda", dtype, torch.cuda.get_device_capability(device))


def choose_attention(asked: AttentionChoice, place: Place) -> str:
    """What attends, by our name.

    auto: FlashAttention 3 on Hopper where its package is installed, else cuDNN's from Hopper on,
    else PyTorch's own choice. Raises ModelUnavailable `backend_missing`, with the reason, for one
    that was asked for and cannot run here.
    """
    if asked == "auto":
        able = [name for name in ("flash3", "cudnn") if not against(name, place)]
        return next((name for name in able if place.capability >= _HOPPER), "sdpa")
    reason = against(asked, place)
    if reason:
        raise ModelUnavailable(
            "backend_missing",
            f"Attention by {asked} cannot run here: {reason}",
            "Set LTXSERVE_ATTENTION to auto, which takes the quickest that is here.",
            "attention",
        )
    return asked


def against(name: str, place: Place) -> str:
    """Why one cannot run in a place; "" where it can."""
    if name == "sdpa":
        return ""
    if place.device != "cuda":
        return "it needs a CUDA GPU."
    if place.dtype not in _HALF:
        return "it computes in bfloat16 and float16 only."
    if name == "flash3" and place.capability != _HOPPER:
        return "it is made for Hopper GPUs (H100, H200)."
    if place.capability < _AMPERE:
        return "it needs a GPU from Ampere on."
    return place.missing(NAMES[name])


def attend_by(transformer: nn.Module, name: str) -> int:
    """Have a transformer attend so where no mask is needed; how many of its layers do."""
    found = [
        module
        for path, module in transformer.named_modules()
        if isinstance(module, AttentionModuleMixin) and path.rpartition(".")[2] in UNMASKED
    ]
    for module in found:
        module.set_attention_backend(NAMES[name])
    return len(found)
