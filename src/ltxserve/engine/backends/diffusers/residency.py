"""Which parts of a model are on the device while a stage runs; decided anew for every request.

Nothing is hooked into the parts: they are moved when a stage begins, so that a request that saved
memory leaves nothing behind for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import psutil
import torch
from torch import nn

from ltxserve.engine.backends.diffusers.upsampling import PARTS as UPSAMPLERS
from ltxserve.engine.plan import MemoryEstimate, Plan

Mode = Literal["all", "text_out", "parts"]
"""all: everything stays. text_out: the text encoder leaves once the prompt is read.
parts: only what a stage needs."""
Step = Literal["encode_prompt", "denoise", "decode"]

TEXT = "text_encoder"
NEEDED: Mapping[Step, tuple[str, ...]] = {
    "encode_prompt": (TEXT,),
    "denoise": (
        *("transformer", "connectors", "vae", "audio_vae", "duration_head"),
        *UPSAMPLERS.values(),
    ),
    "decode": ("vae", "audio_vae", "vocoder"),
}
_SPARE = 0.95  # of the device's memory may be planned for


class Residency:
    """The parts of one model and where they are.

    total: bytes of the device's memory, None = not told apart from main memory, all stays there.
    """

    def __init__(
        self, parts: Mapping[str, nn.Module], device: torch.device, total: int | None = None
    ) -> None:
        self.device = device
        self.total = total
        self.mode: Mode = "all"
        self._parts = dict(parts)
        self._here: set[str] = set()

    def settle(self) -> None:
        """Bring to the device what may stay there between requests."""
        self.mode = self._mode_for(working=0, low_vram=False)
        self._bring(set(self._parts) if self.mode == "all" else self._without_text())

    def begin(self, plan: Plan, adapters: int = 0) -> None:
        """Decide for a request: by its low_vram, and by what it will need besides the weights.

        adapters: bytes of those that are worn at once; the plan knows only some sizes.
        """
        self.mode = self._mode_for(working_bytes(plan.memory) + adapters, plan.low_vram)

    def enter(self, step: Step) -> None:
        """Have on the device what a step needs; others leave first, where the mode says so."""
        needed = {name for name in NEEDED[step] if name in self._parts}
        if self.mode == "all":
            self._bring(set(self._parts))
        elif self.mode == "parts":
            self._only(needed)
        elif step == "encode_prompt":
            self._bring(self._without_text() | {TEXT})
        else:
            self._only(self._without_text())

    def leave(self) -> None:
        """Have nothing on the device."""
        self._only(set())

    def spare(self) -> None:
        """For the rest of this request, have on the device only what a stage needs."""
        if self.total is not None:
            self.mode = "parts"

    def room(self, held: int) -> int:
        """Bytes that are free for work beside the parts that are here. held: other bytes in use."""
        if self.total is None:
            return psutil.virtual_memory().available
        here = sum(weight_bytes(self._parts[name]) for name in self._here)
        return int(self.total * _SPARE) - here - held

    def here(self) -> frozenset[str]:
        """The parts that are on the device."""
        return frozenset(self._here)

    def _only(self, names: set[str]) -> None:
        leaving = self._here - names
        for name in leaving:
            _move(self._parts[name], torch.device("cpu"))
        self._here -= leaving
        if leaving and self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._bring(names)

    def _bring(self, names: set[str]) -> None:
        for name in sorted(names - self._here):
            _move(self._parts[name], self.device)
            self._here.add(name)

    def _without_text(self) -> set[str]:
        return {name for name in self._parts if name != TEXT}

    def _mode_for(self, working: int, low_vram: bool) -> Mode:
        if self.total is None:
            return "all"
        if low_vram:
            return "parts"
        room = int(self.total * _SPARE) - working
        sizes = {name: weight_bytes(part) for name, part in self._parts.items()}
        text, whole = sizes.get(TEXT, 0), sum(sizes.values())
        if whole <= room:
            return "all"
        # While the prompt is read, nothing else works: both have to fit, with little besides.
        return "text_out" if whole <= self.total * _SPARE and whole - text <= room else "parts"


def _move(part: nn.Module, device: torch.device) -> None:
    with torch.inference_mode(False):  # weights outlive the run that moves them
        part.to(device)


def weight_bytes(part: nn.Module) -> int:
    """Bytes of a part's weights and buffers."""
    return sum(tensor.nbytes for tensor in (*part.parameters(), *part.buffers()))


def working_bytes(memory: MemoryEstimate) -> int:
    """Bytes a plan needs besides the weights and adapters."""
    parts = memory.components
    decoding = parts.get("decode", 0) + parts.get("frames", 0)
    held = parts.get("runtime", 0) + parts.get("latents", 0)
    return held + max(parts.get("denoise", 0), decoding)


def device_bytes(device: torch.device) -> int | None:
    """Bytes of a device's own memory; None where it is the machine's."""
    if device.type != "cuda":
        return None
    return torch.cuda.get_device_properties(device).total_memory
