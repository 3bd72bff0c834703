"""Keeps texts to the words that a word-level tokenizer knows; subword ones know every text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from tokenizers import Tokenizer
from tokenizers.models import WordLevel

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+")
_INSIDE = re.compile(r"['’-]")
_NAMED = 12  # unknown words in one warning


class Vocabulary(Protocol):
    """What of a tokenizer is used here."""

    unk_token_id: int | None
    backend_tokenizer: Tokenizer

    def convert_tokens_to_ids(self, tokens: str) -> int: ...


@dataclass(frozen=True)
class Kept:
    """A text without the words its tokenizer does not know, and those words, each once."""

    text: str
    unknown: tuple[str, ...] = ()

    @property
    def has_words(self) -> bool:
        """Whether any word is left."""
        return _WORD.search(self.text) is not None


def known_only(text: str, tokenizer: Vocabulary) -> Kept:
    """The text as the model can read it.

    Compounds are taken apart where only their parts are known: "left-moving" becomes "left
    moving"; of "the ball's" the "s" is dropped without a word.
    """
    if not isinstance(tokenizer.backend_tokenizer.model, WordLevel):
        return Kept(text)
    unknown: dict[str, None] = {}

    def is_known(word: str) -> bool:
        return tokenizer.convert_tokens_to_ids(word) != tokenizer.unk_token_id

    def keep(match: re.Match[str]) -> str:
        word = match.group().lower()
        if is_known(word):
            return match.group()
        first, *rest = _INSIDE.split(word)
        parts = [first, *(part for part in rest if part != "s" or is_known(part))]
        unknown.update(dict.fromkeys(part for part in parts if not is_known(part)))
        return " ".join(part for part in parts if is_known(part))

    kept = " ".join(_WORD.sub(keep, text).split())
    return Kept(kept, tuple(unknown))


def unknown_warning(field: str, kept: Kept, model: str) -> str:
    """What the caller is told about words that were left out of the prompt (or the field)."""
    more = len(kept.unknown) - _NAMED
    named = ", ".join(kept.unknown[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    rest = "" if kept.has_words else " No word is left."
    return f"{model} does not know these words of the {field} and ignored them: {named}.{rest}"
