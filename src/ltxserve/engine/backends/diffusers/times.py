"""Tells LTX-2's transformer each token's own noise level where diffusers tells one for all.

Attention between picture and sound is scaled by a time and gated by one. diffusers 0.42 takes the
other modality's for both, as Lightricks' code did when LTX-2.3 came out; theirs has since scaled
by each token's own, and calls sound that is held as a whole free of noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

Hook = tuple[tuple[Any, ...], dict[str, Any]]
_SCALES = {
    "av_cross_attn_video_scale_shift": "timestep",
    "av_cross_attn_audio_scale_shift": "audio_timestep",
}


@contextmanager
def own_times(transformer: nn.Module, uneven: Callable[[], bool]) -> Iterator[None]:
    """Inside, it scales by own times. uneven: whether any token is noised less than others.

    Where none is, times are the same either way, and one for all costs less.
    """
    told: dict[str, Tensor] = {}

    def listen(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hook:
        del module
        told.update({name: kwargs[name] for name in _SCALES.values()})
        silent = kwargs["audio_timestep"].ndim > 1 and not bool(kwargs["audio_timestep"].any())
        if silent:
            kwargs = {**kwargs, "audio_sigma": torch.zeros_like(kwargs["audio_sigma"])}
        return args, kwargs

    def scaled(name: str) -> Callable[..., Hook | None]:
        def instead(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            del module
            return ((told[name].flatten(), *args[1:]), kwargs) if uneven() else None

        return instead

    with ExitStack() as hooks:
        heard = transformer.register_forward_pre_hook(listen, with_kwargs=True)
        hooks.callback(heard.remove)
        for part, name in _SCALES.items():
            module = transformer.get_submodule(part)
            hook = module.register_forward_pre_hook(scaled(name), with_kwargs=True)
            hooks.callback(hook.remove)
        yield
