"""Models with random weights for tests: of full size for a GPU, small ones for any machine."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.engine.weights import FULL, Told, engine_of
from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request
from ltxserve.types import GenerationRequest
from tests.replicas.build import shapes_of
from tests.replicas.configs import ALL, UPSCALERS
from tests.replicas.folders import SIDE, small_row

WORDS = 4096  # more than the built-in model's tokenizer has


@dataclass(frozen=True)
class Case:
    """A clip of a model; full: on a GPU, else small, on whatever there is."""

    model: str
    width: int
    height: int
    full: bool
    frames: int = 121
    upscaled: bool = False

    @property
    def name(self) -> str:
        kind = "full" if self.full else "small"
        return f"{kind}-{self.model}-{self.width}x{self.height}x{self.frames}"

    @property
    def device(self) -> torch.device:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def request(self, **fields: Any) -> GenerationRequest:
        """Its request; `fields` win. Small ones are an eighth of the size."""
        by, frames = (1, self.frames) if self.full else (8, 17)
        size = [max(SIDE, side // by // 64 * 64) for side in (self.width, self.height)]
        told = {"prompt": "a red ball", "model": self.model, "seed": 1, "num_frames": frames}
        told |= {"width": size[0], "height": size[1]}
        if self.upscaled:
            told["upscale"] = {"spatial": True}
        return parse_request(told | fields)

    @property
    def row(self) -> ModelSpec:
        return load_catalog().model(self.model) if self.full else small_row(self.model)


class Bench:
    """One engine at a time: the last one's memory is given back before the next is made."""

    def __init__(self) -> None:
        self._held: tuple[tuple[str, bool], Engine] | None = None

    def engine(self, case: Case) -> Engine:
        """The engine that has a case's model."""
        key = (case.model, case.full)
        if self._held is None or self._held[0] != key:
            self.close()
            told = FULL if case.full else small(case.row)
            self._held = (key, engine_of(case.row, Placement(), case.device, told))
        return self._held[1]

    def close(self) -> None:
        if self._held is not None:
            self._held[1].close()
            self._held = None
            gc.collect()


def small(row: ModelSpec) -> Told:
    """The sizes of the replicas of a row's layout."""
    is_ltxv = row.family == "ltx-video"
    config = ALL["ltxv-0.9.5-small" if is_ltxv else f"{row.layout}-small"]
    text: dict[str, Any] = {
        "vocab_size": WORDS, "hidden_size": config.text_width, "intermediate_size": 64,
        "num_hidden_layers": config.text_layers, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 1024,
        "sliding_window": 64, "query_pre_attn_scalar": 16,
    }  # fmt: skip
    if is_ltxv:
        text = {"vocab_size": WORDS, "d_model": 64, "d_kv": 16, "d_ff": 64, "num_layers": 2}
        text |= {"num_heads": 4}
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    own = "ltxv" if is_ltxv else "ltx-2.0" if row.layout == "ltx-2.0" else "ltx-2.3"
    upscaler = UPSCALERS[f"{own}-upscaler-small"]
    larger = Told(upscaler.metadata, shapes_of(upscaler))
    return Told(config.metadata, shapes_of(config), text, vision, {"latent_upsampler": larger})
