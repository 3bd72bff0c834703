"""A plan's prompts as the model reads them: known words only, encoded; knows no picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ltxserve.engine.backends.diffusers.pipeline import TellingPipeline
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

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the pipeline's call."""
        return {
            "prompt_embeds": self.prompt[0],
            "prompt_attention_mask": self.prompt[1],
            "negative_prompt_embeds": self.negative[0],
            "negative_prompt_attention_mask": self.negative[1],
        }


def encode_text(pipeline: TellingPipeline, plan: Plan, model: str) -> EncodedText:
    """Encode a plan's prompts; words the model does not know are left out and named."""
    tokenizer = pipeline.tokenizer
    limit = min(plan.max_sequence_length, tokenizer.model_max_length)
    guided = plan.guidance.uses_negative_prompt or plan.audio_guidance.uses_negative_prompt
    warnings, texts = [], []
    for field, text in (("prompt", plan.prompt), ("negative prompt", plan.negative_prompt)):
        kept = known_only(text, tokenizer)
        texts.append(kept.text)
        if kept.unknown:
            warnings.append(unknown_warning(field, kept, model))
        tokens = len(tokenizer(kept.text, verbose=False).input_ids)
        if tokens > limit:
            warnings.append(f"The {field} has {tokens} tokens; {model} reads the first {limit}.")
    prompt, mask, negative, negative_mask = pipeline.encode_prompt(
        prompt=texts[0],
        negative_prompt=texts[1],
        do_classifier_free_guidance=guided,
        max_sequence_length=limit,
    )
    return EncodedText((prompt, mask), (negative, negative_mask), tuple(warnings))
