"""Keeps a prompt to the words that a small tokenizer knows. Large vocabularies know everything."""

from __future__ import annotations

import re
from typing import Protocol

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|\d+")


class Vocabulary(Protocol):
    """What of a tokenizer is used here."""

    unk_token_id: int | None

    def convert_tokens_to_ids(self, tokens: str) -> int: ...


def known_only(prompt: str, tokenizer: Vocabulary, word_level: bool) -> tuple[str, tuple[str, ...]]:
    """The prompt without unknown words, and those words in order, each once."""
    if not word_level or tokenizer.unk_token_id is None:
        return prompt, ()
    unknown: dict[str, None] = {}

    def keep(match: re.Match[str]) -> str:
        word = match.group().lower()
        if tokenizer.convert_tokens_to_ids(word) != tokenizer.unk_token_id:
            return match.group()
        parts = word.split("-")
        if len(parts) > 1 and all(
            tokenizer.convert_tokens_to_ids(p) != tokenizer.unk_token_id for p in parts
        ):
            return " ".join(parts)
        unknown[word] = None
        return ""

    kept = " ".join(_WORD.sub(keep, prompt).split())
    return kept, tuple(unknown)


def unknown_warning(words: tuple[str, ...], model: str) -> str:
    """What the caller is told about words that were left out."""
    named = ", ".join(words[:12]) + (", ..." if len(words) > 12 else "")
    return f"{model} does not know these words of the prompt and ignored them: {named}."
