"""How one run's frames are decoded: with which parts on the device, and in which windows."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ltxserve.engine.backends.base import Frames
from ltxserve.engine.backends.diffusers.decode import (
    SPARING,
    Vae,
    Window,
    decode_chunks,
    window_for,
)
from ltxserve.engine.backends.diffusers.failures import Watched, device_errors
from ltxserve.engine.backends.diffusers.residency import Residency
from ltxserve.engine.plan import Plan
from ltxserve.progress import NullObserver


class Decoding:
    """Of one plan. The windows are chosen when it begins: what else lies on the device counts."""

    def __init__(self, plan: Plan, vae: Vae, residency: Residency) -> None:
        self._plan = plan
        self._vae = vae
        self._residency = residency
        self._spares = plan.low_vram

    def frames(self, latents: Tensor) -> Iterator[Frames]:
        """See Made.frames. latents: denoised and denormalised."""
        timed = self._vae.config.get("timestep_conditioning")
        timestep = self._plan.decode_timestep if timed else None
        with device_errors(Watched(NullObserver(), "decode_video")):
            self._residency.enter("decode")
            yield from decode_chunks(self._vae, latents, self._window(), timestep)

    def spare(self) -> None:
        """See Made.spare."""
        self._spares = True
        self._residency.spare()

    def _window(self) -> Window:
        if self._spares:
            return SPARING
        room = self._residency.room(self._plan.memory.components.get("latents", 0))
        return window_for(self._plan, room, self._vae.dtype.itemsize)
