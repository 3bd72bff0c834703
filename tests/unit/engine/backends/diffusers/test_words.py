"""Which words of a prompt a small vocabulary keeps, and what is said of the others."""

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE, WordLevel

from ltxserve.engine.backends.diffusers.words import known_only, unknown_warning

KNOWN = ("a", "red", "ball", "moves", "left", "moving", "dark", "one-way")


class Words:
    """A tokenizer that knows a few words."""

    unk_token_id: int | None = 0

    def __init__(self) -> None:
        self.ids = {"<unk>": 0, **{word: i + 1 for i, word in enumerate(KNOWN)}}
        self.backend_tokenizer = Tokenizer(WordLevel(self.ids, unk_token="<unk>"))

    def convert_tokens_to_ids(self, tokens: str) -> int:
        return self.ids.get(tokens, 0)


class Subwords(Words):
    """A tokenizer that can spell every word."""

    def __init__(self) -> None:
        super().__init__()
        self.backend_tokenizer = Tokenizer(BPE())


@pytest.mark.parametrize(
    ("text", "kept", "unknown"),
    [
        ("A red ball, moves!", "A red ball, moves!", ()),
        ("a RED fluffy ball", "a RED ball", ("fluffy",)),
        ("Fluffy fluffy FLUFFY ball", "ball", ("fluffy",)),
        ("left-moving ball", "left moving ball", ()),
        ("a one-way ball", "a one-way ball", ()),
        ("dark-vermilion ball", "dark ball", ("vermilion",)),
        ("a ball's left", "a ball left", ()),
        ("it’s red", "red", ("it",)),
        ("2 balls", "", ("2", "balls")),
        ("un ballon émeraude 球", "", ("un", "ballon", "émeraude", "球")),
        ("🎈 red_ball", "🎈 red_ball", ()),
        ("", "", ()),
    ],
)
def test_known_words_are_kept_and_others_named_once(text: str, kept: str, unknown: tuple[str, ...]):
    found = known_only(text, Words())
    assert (found.text, found.unknown) == (kept, unknown)


def test_a_subword_tokenizer_reads_everything():
    assert known_only("vermilion 球", Subwords()).unknown == ()


def test_the_warning_names_field_words_and_model():
    text = unknown_warning("prompt", known_only("a fluffy ball", Words()), "tiny")
    assert text == "tiny does not know these words of the prompt and ignored them: fluffy."


def test_the_warning_says_when_nothing_is_left():
    text = unknown_warning("prompt", known_only("42 !", Words()), "tiny")
    assert text.endswith(": 42. No word is left.")


def test_the_warning_stays_short():
    many = " ".join(f"word{chr(97 + i)}" for i in range(20))
    text = unknown_warning("prompt", known_only(many, Words()), "tiny")
    assert "wordl and 8 more." in text
    assert "wordm" not in text
