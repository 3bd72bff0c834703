"""What a resident model says before a clip is made: a longer prompt, a length. It denoises nothing.

The length is predicted by LTX-2.5's duration head from what the text connectors make of a prompt.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ltxserve.engine.backends.base import Foreseen
from ltxserve.engine.backends.diffusers.failures import Watched
from ltxserve.engine.backends.diffusers.text import EncodedText
from ltxserve.engine.backends.diffusers.writing import MOST_TOKENS, Writer
from ltxserve.engine.plan import Plan
from ltxserve.errors import ModelUnavailable
from ltxserve.progress import Progress

DURATION_HEAD = "duration_head"


def taken(parts: dict[str, Any]) -> dict[str, nn.Module]:
    """What only foretells, out of a model's parts: the pipeline that denoises does not know it."""
    return {name: parts.pop(name) for name in (DURATION_HEAD,) if name in parts}


def check_head(parts: dict[str, nn.Module], model: str) -> nn.Module:
    """The duration head. Raises ModelUnavailable `weights_missing`."""
    if DURATION_HEAD not in parts:
        raise ModelUnavailable(
            "weights_missing",
            f"The file of {model} that tells a clip's length, its duration head, is not here.",
            f"Pull it: ltxserve models pull {model}",
            "auto_length",
        )
    return parts[DURATION_HEAD]


def write_prompt(pipeline: Any, plan: Plan, seed: int, watched: Watched) -> Foreseen:
    """The prompt that was asked for, written out by the text encoder; it is on the device."""

    def tell(tokens: int) -> None:
        watched(Progress("enhance_prompt", tokens, MOST_TOKENS))

    tell(0)
    writer = Writer(pipeline.text_encoder, pipeline.tokenizer, tell)
    written = writer.written_out(plan.asked_prompt or plan.prompt, _sees_pictures(plan), seed)
    tell(MOST_TOKENS)
    return Foreseen(prompt=written)


def tell_seconds(pipeline: Any, head: nn.Module, text: EncodedText, watched: Watched) -> Foreseen:
    """How long the clip of an encoded prompt should be; connectors and head are on the device."""
    watched(Progress("choose_length", 0, 1))
    side = pipeline.tokenizer_padding_side
    embeddings, mask = text.prompt
    video, audio, _ = pipeline.connectors(embeddings, mask, padding_side=side)
    with torch.inference_mode():
        seconds = float(head(video, audio)[0])
    watched(Progress("choose_length", 1, 1))
    return Foreseen(seconds=seconds)


def _sees_pictures(plan: Plan) -> bool:
    parts = (plan.conditions, plan.video_to_video, plan.retake, plan.extend, plan.controls)
    return any(parts)
