"""A plan's prompts as the model reads them: known words only, encoded; knows no picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ltxserve.engine.backends.diffusers.pipeline import TellingPipeline
from ltxserve.engine.backends.diffusers.prompts import Encoded, PromptCache, TextKey
from ltxserve.engine.backends.diffusers.words import known_only, unknown_warning
from ltxserve.engine.plan import Plan


@dataclass(frozen=True, eq=False)
class EncodedText:
    """Prompt and negative prompt encoded (the latter None without guidance), and remarks.

    Embeddings (1, tokens, width of all layers), masks (1, tokens).
    """

    prompt: tuple[Tensor, Tensor]
    negative: tuple[Tensor | None, Tensor | None]
    warnings: tuple[str, ...]

    @staticmethod
    def both(pair: tuple[Tensor | None, Tensor | None]) -> tuple[Tensor, Tensor] | None:
        """Embeddings and mask, None where there are none."""
        embeddings, mask = pair
        return None if embeddings is None or mask is None else (embeddings, mask)

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the pipeline's call."""
        return {
            "prompt_embeds": self.prompt[0],
            "prompt_attention_mask": self.prompt[1],
            "negative_prompt_embeds": self.negative[0],
            "negative_prompt_attention_mask": self.negative[1],
        }


def encode_text(
    pipeline: TellingPipeline,
    plan: Plan,
    model: str,
    cache: PromptCache | None = None,
    ready: Callable[[], None] = lambda: None,
) -> EncodedText:
    """Encode a plan's prompts; words the model does not know are left out and named.

    cache: texts in it are not read again. ready: called before one is read.
    """
    tokenizer = pipeline.tokenizer
    limit = min(plan.max_sequence_length, tokenizer.model_max_length)
    guided = plan.guidance.uses_negative_prompt or plan.audio_guidance.uses_negative_prompt
    kept = cache if cache is not None else PromptCache(0)
    warnings, encoded = [], []
    for field, text in (("prompt", plan.prompt), ("negative prompt", plan.negative_prompt)):
        words = known_only(text, tokenizer)
        if words.unknown:
            warnings.append(unknown_warning(field, words, model))
        tokens = len(tokenizer(words.text, verbose=False).input_ids)
        if tokens > limit:
            warnings.append(f"The {field} has {tokens} tokens; {model} reads the first {limit}.")
        if field == "prompt" or guided:
            key = TextKey(words.text, limit)
            encoded.append(kept.get(key, lambda key=key: _read(pipeline, key, ready)))
    device = pipeline.place
    prompt, *negative = [(each.to(device), mask.to(device)) for each, mask in encoded]
    return EncodedText(prompt, negative[0] if negative else (None, None), tuple(warnings))


def _read(pipeline: TellingPipeline, key: TextKey, ready: Callable[[], None]) -> Encoded:
    ready()
    embeddings, mask, *_ = pipeline.encode_prompt(
        prompt=key.text, do_classifier_free_guidance=False, max_sequence_length=key.max_tokens
    )
    return embeddings, mask
