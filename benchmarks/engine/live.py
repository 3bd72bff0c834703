"""How many bytes of tensors live at once, followed on any device, even on tensors without memory.

What a model of full size keeps alive is counted so, without its memory (`kept_alive`); plans
estimate by it. On a GPU the allocator holds a little more: what convolutions work in, rounding up.
What attention writes down is left out, as the kernels that GPUs have write no scores.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch.overrides import TorchFunctionMode

from benchmarks.engine.watching import Watching
from benchmarks.engine.weights import FULL, empty_part
from benchmarks.engine.work import inputs_for
from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.diffusers.reading.layout import load_layout
from ltxserve.engine.geometry import SIDE_STEP, latent_frames, latent_tokens
from ltxserve.engine.plan.memory import Held
from ltxserve.types import Shape

BLOCKS = 2  # of a transformer, of which one is at work at a time
_EXACT = ("timestep", "video_coords")


class _Flash(TorchFunctionMode):
    """Attention as kernels do it: only what comes out is written down."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        told = dict(kwargs or {})
        if func is F.scaled_dot_product_attention:
            query = args[0] if args else told["query"]
            value = args[2] if len(args) > 2 else told["value"]
            return query.new_empty((*query.shape[:-1], value.shape[-1]))
        return func(*args, **told)


class Live(Watching):
    """Follows what operations inside make, until nobody refers to it any more.

    now, peak: bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.peak = 0
        self._known: dict[int, int] = {}
        self._flash = _Flash()

    def see(self, tensor: torch.Tensor) -> None:
        """Follow its storage; views have their tensor's."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        self._known[key] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        self.now -= self._known.pop(key)

    def __enter__(self) -> Any:
        self._flash.__enter__()
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._flash.__exit__(kind, error, trace)


def kept_alive(spec: ModelSpec, shape: Shape) -> Held:
    """What a row's model of full size keeps alive for a clip of this shape, in bfloat16."""
    layout = load_layout(spec.layout)
    parts = {part.name: part for part in layout.parts}
    transformer: Any = empty_part(parts["transformer"], layout, spec, FULL)
    transformer.transformer_blocks = transformer.transformer_blocks[:BLOCKS]
    transformer = transformer.to("meta", torch.bfloat16)
    told = {
        name: value.to(torch.bfloat16)
        if isinstance(value, torch.Tensor) and name not in _EXACT
        else value
        for name, value in inputs_for(transformer.config, spec.family, shape).items()
    }
    denoising = _peak(transformer, told)
    vae: Any = empty_part(parts["vae"], layout, spec, FULL).to("meta", torch.bfloat16)
    sides = (shape.height // SIDE_STEP, shape.width // SIDE_STEP)
    size = (1, vae.config.latent_channels, latent_frames(shape.num_frames), *sides)
    timed = vae.config.get("timestep_conditioning")
    level = torch.empty(1, device="meta", dtype=torch.bfloat16) if timed else None
    latents = torch.empty(size, device="meta", dtype=torch.bfloat16)
    decoding = _peak(vae.decode, {"z": latents, "temb": level, "return_dict": False})
    tokens = latent_tokens(shape.width, shape.height, shape.num_frames)
    widths = tokens * (spec.architecture.width + spec.architecture.audio_width)
    pixels = shape.width * shape.height * shape.num_frames
    return Held(denoising / 2 / widths, decoding / 2 / pixels - 3)


def _peak(call: Callable[..., Any], told: Mapping[str, Any]) -> int:
    with torch.inference_mode(), Live() as live:
        call(**told)
    return live.peak
