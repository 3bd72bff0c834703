"""The held-out prompts: many, mixed, in known words, and none that training could have said."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

from benchmarks.tiny_eval.prompts import PAIRS, SINGLES, UNFAIR, prompts, wordings
from ltxserve.training.tiny import caption
from ltxserve.training.tiny.scene import random_scene
from ltxserve.training.tiny.words import split_words, vocabulary, world


def singles() -> list[str]:
    return [prompt.text for prompt in prompts() if not prompt.pair]


def test_there_are_enough_and_no_two_are_equal() -> None:
    assert len(singles()) == SINGLES >= 240
    assert len(prompts()) == SINGLES + PAIRS == len({prompt.text for prompt in prompts()})


def test_every_word_is_known_to_the_model() -> None:
    known = set(vocabulary())
    unknown = {word for prompt in prompts() for word in split_words(prompt.text)} - known
    assert not unknown


def test_every_name_of_the_world_comes_up_equally_often() -> None:
    alone = [prompt for prompt in prompts() if not prompt.pair]
    for names, counts in (
        (world().colors, Counter(prompt.main.color for prompt in alone)),
        (world().shapes, Counter(prompt.main.shape for prompt in alone)),
        (world().motions, Counter(prompt.main.motion for prompt in alone)),
        (world().backgrounds, Counter(prompt.background for prompt in alone)),
    ):
        assert set(counts) == set(names)
        assert max(counts.values()) <= 1.25 * min(counts.values())


def test_a_third_tells_the_camera_to_move() -> None:
    counts = Counter(prompt.camera for prompt in prompts())
    assert set(counts) == set(world().cameras)
    assert 0.3 <= 1 - counts["static"] / len(prompts()) <= 0.36


def test_objects_can_be_told_from_their_background() -> None:
    assert not [
        prompt.text
        for prompt in prompts()
        for wanted in prompt.objects
        if (wanted.color, prompt.background) in UNFAIR
    ]


def test_no_sentence_is_built_like_one_of_training() -> None:
    ours = [row for kind in ("one", "two", "with_camera") for row in wordings()[kind]]
    theirs = [row for rows in caption.sentences().values() for row in rows]
    assert not built(ours) & built(theirs)
    trained = {
        caption.caption(random_scene(seed), Random(seed)).lower().strip(".") for seed in range(3000)
    }
    assert not trained & {prompt.text.lower().strip(".") for prompt in prompts()}


def built(sentences: list[str]) -> set[str]:
    """Sentences without what fills them and without their commas, which the model never sees."""
    slots = re.compile(r"{(?!said|camera)\w+}")
    return {" ".join(re.findall(r"[a-z]+|#", slots.sub("#", row.lower()))) for row in sentences}


def test_a_quarter_of_how_moves_are_said_is_new_to_the_model() -> None:
    trained = " ".join(
        caption.caption(random_scene(seed), Random(seed)).lower() for seed in range(20_000)
    )
    phrases = [
        phrase
        for table in (wordings()["motions"], wordings()["cameras"])
        for row in table.values()
        for phrase in row
    ]
    unsaid = [phrase for phrase in phrases if phrase not in trained]
    assert len(unsaid) > len(phrases) / 4, unsaid


def test_wordings_cover_every_motion_and_camera() -> None:
    assert set(wordings()["motions"]) == set(world().motions)
    assert set(wordings()["cameras"]) == set(world().cameras) - {"static"}
