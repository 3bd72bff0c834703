"""What makes a model quicker, from words: read, or refused with the setting's name."""

from pathlib import Path

import pytest

from ltxserve.engine.backends.tuning import Tuning, sizes
from ltxserve.errors import ConfigurationError
from ltxserve.settings import Settings


def test_nothing_said_is_nothing_to_wait_for():
    assert Tuning.of({}) == Tuning()
    assert Tuning().compiles == "off"
    assert Tuning.of(Settings().tuning) == Tuning()


def test_words_are_read(tmp_path: Path):
    told = {
        "attention": "cudnn",
        "compile": "graphs",
        "compile_cache": str(tmp_path),
        "warmup": "1280x704x121, 768X512x97,",
    }
    wanted = ((1280, 704, 121), (768, 512, 97))
    assert Tuning.of(told) == Tuning("cudnn", "graphs", wanted, tmp_path)


@pytest.mark.parametrize("word", ["1280x704", "axbxc", "1280x704x121x24", "-1x2x3", "1280*704*121"])
def test_a_size_that_is_none_is_refused(word: str):
    with pytest.raises(ConfigurationError) as caught:
        sizes(f"768x512x97,{word}")
    assert (caught.value.code, caught.value.field) == ("settings_invalid", "LTXSERVE_WARMUP")
    assert "1280x704x121" in caught.value.hint


def test_a_size_is_made_once():
    assert sizes("64x64x9,64x64x9") == ((64, 64, 9),)


@pytest.mark.parametrize(("name", "key"), [("attention", "ATTENTION"), ("compile", "COMPILE")])
def test_an_unknown_word_is_refused(name: str, key: str):
    with pytest.raises(ConfigurationError, match="cannot be warp") as caught:
        Tuning.of({name: "warp"})
    assert caught.value.field == f"LTXSERVE_{key}"
