"""Has a transformer's repeated blocks compiled, and replayed as CUDA graphs; knows no pipeline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ltxserve.engine.backends.tuning import Tuning
from ltxserve.errors import ModelUnavailable

CACHE_KEY = "TORCHINDUCTOR_CACHE_DIR"
RECOMPILES = 64
"""Sizes, kinds of guidance and of conditions that one block may be compiled for; PyTorch stops at
eight, and runs what comes after without a word as it was before."""


def compile_blocks(
    transformer: Any, tuning: Tuning, device: torch.device, cache: Path
) -> Blocks | None:
    """Have the repeated blocks compiled at their first call; None where nothing is compiled.

    cache: where what was compiled is kept. One block is compiled, for all are alike; another
    size is compiled for itself where sizes are declared (`warm_up`), else once for all.
    Raises ModelUnavailable `backend_missing` for CUDA graphs on another device.
    """
    if tuning.compiles == "off":
        return None
    graphs = tuning.compiles == "graphs"
    if graphs and device.type != "cuda":
        raise ModelUnavailable(
            "backend_missing",
            f"CUDA graphs need a CUDA GPU; this model runs on {device.type}.",
            "Set LTXSERVE_COMPILE to off or blocks.",
            "compile",
        )
    if tuning.compiler == "inductor":
        keep_compiled(cache)
    limits: Any = torch._dynamo.config
    limits.recompile_limit = max(limits.recompile_limit, RECOMPILES)
    transformer.compile_repeated_blocks(
        backend=tuning.compiler,
        mode="reduce-overhead" if graphs else None,
        dynamic=False if tuning.warm_up else None,
    )
    blocks = Blocks(transformer, graphs)
    transformer.register_forward_pre_hook(blocks)
    return blocks


def keep_compiled(cache: Path) -> None:
    """Have Inductor and Triton keep what they make in a folder.

    Where somebody has named another one to them, that is used: who does so knows why. Inductor
    writes its own choice in the same place when it is imported.
    """
    from torch._inductor.runtime.cache_dir_utils import (
        default_cache_dir,
    )  # late: most never need it

    named = os.environ.get(CACHE_KEY)
    if named is None or Path(named) == Path(default_cache_dir()):
        os.environ[CACHE_KEY] = str(cache.absolute())


class Blocks:
    """The compiled blocks of a transformer; looks before every call whether they may be used.

    torch.compile does not see hooks that came after it, and adapters are hooks: while any layer of
    a block has one, the blocks run as they are written.
    """

    def __init__(self, transformer: nn.Module, graphs: bool = False) -> None:
        self.used = True
        self._graphs = graphs
        self._made = [
            (module, module._compiled_call_impl)
            for module in transformer.modules()
            if getattr(module, "_compiled_call_impl", None) is not None
        ]
        self._layers = [layer for block, _ in self._made for layer in block.modules()]

    def __len__(self) -> int:
        return len(self._made)

    def __call__(self, transformer: nn.Module, args: tuple[Any, ...]) -> None:
        """A forward pre-hook of the transformer."""
        del transformer, args
        used = not any(layer._forward_hooks or layer._forward_pre_hooks for layer in self._layers)
        if used != self.used:
            self.used = used
            for block, made in self._made:
                block._compiled_call_impl = made if used else None
        if used and self._graphs:
            # What the last call's graphs gave has been taken over into other tensors by now.
            torch.compiler.cudagraph_mark_step_begin()
