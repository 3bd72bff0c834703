"""Guidance of LTX-Video around its transformer: text, skipped attention, rescaling, step by step.

diffusers' pipelines of LTX-Video know the first alone. The terms and their order are those of
Lightricks' own pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ltxserve.engine.plan import Guidance


@dataclass(frozen=True, eq=False)
class Guide:
    """Guidance terms of each step, and the negative prompt's embeddings and mask.

    steps: the last holds for all that come after. star: see `in_proportion`.
    """

    steps: tuple[Guidance, ...]
    negative: tuple[Tensor, Tensor] | None = None
    star: bool = False

    @property
    def acts(self) -> bool:
        """Whether anything is added to the model's own prediction."""
        return any(self.by_text(terms) or terms.stg_scale != 0 for terms in self.steps)

    def by_text(self, terms: Guidance) -> bool:
        """Whether these terms ask for the prediction of the negative prompt."""
        return self.negative is not None and terms.guidance_scale != 1

    def of(self, step: int) -> Guidance:
        """The terms of a step, counted from 0."""
        return self.steps[min(step, len(self.steps) - 1)]


@contextmanager
def guiding(transformer: nn.Module, guide: Guide) -> Iterator[None]:
    """Inside, what the transformer predicts is guided; each term costs one more forward pass."""
    if not guide.acts:
        yield
        return
    hook = transformer.register_forward_hook(_Guided(guide), with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


class _Guided:
    """A forward hook that asks the module again, without being called for that.

    Every call from outside is a step.
    """

    def __init__(self, guide: Guide) -> None:
        self.guide = guide
        self._asking = False
        self._step = 0

    def __call__(
        self, module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any
    ) -> tuple[Tensor] | None:
        if self._asking:
            return None
        self._asking = True
        try:
            return (self._guided(module, kwargs, output[0]),)
        finally:
            self._asking = False
            self._step += 1

    def _guided(self, module: nn.Module, kwargs: dict[str, Any], text: Tensor) -> Tensor:
        terms, found = self.guide.of(self._step), text
        if self.guide.negative is not None and self.guide.by_text(terms):
            embeddings, mask = self.guide.negative
            without = {"encoder_hidden_states": embeddings, "encoder_attention_mask": mask}
            plain = module(**{**kwargs, **without})[0]
            plain = in_proportion(plain, text) if self.guide.star else plain
            found = plain + terms.guidance_scale * (text - plain)
        if terms.stg_scale != 0:
            with skipping(module, terms.stg_blocks):
                found = found + terms.stg_scale * (text - module(**kwargs)[0])
        return rescaled(found, text, terms.rescale)


def in_proportion(plain: Tensor, text: Tensor) -> Tensor:
    """The prediction without the prompt, as long as the prompted one's share of it (CFG*)."""
    dims = list(range(1, plain.ndim))
    shared = (text * plain).sum(dim=dims, keepdim=True)
    return plain * (shared / ((plain**2).sum(dim=dims, keepdim=True) + 1e-8))


def rescaled(found: Tensor, text: Tensor, share: float) -> Tensor:
    """The guided prediction with its spread brought towards the unguided one's, by a share."""
    if share == 0:
        return found
    dims = list(range(1, found.ndim))
    factor = text.std(dim=dims, keepdim=True) / found.std(dim=dims, keepdim=True)
    return found * (share * factor + (1 - share))


@contextmanager
def skipping(transformer: nn.Module, blocks: Sequence[int]) -> Iterator[None]:
    """Inside, self-attention of these blocks passes its values on (STG by attention values)."""
    attentions = [transformer.get_submodule(f"transformer_blocks.{n}.attn1") for n in blocks]
    before = [attention.processor for attention in attentions]
    for attention in attentions:
        attention.processor = _values
    try:
        yield
    finally:
        for attention, processor in zip(attentions, before, strict=True):
            attention.processor = processor


def _values(attn: Any, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    del args, kwargs
    values: Tensor = attn.to_v(hidden_states)
    for layer in attn.to_out:
        values = layer(values)
    return values
