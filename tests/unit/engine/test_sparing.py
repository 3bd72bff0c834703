"""Running out of memory: one more try with less, told of; what it left is let go before."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from ltxserve.engine.backends.base import Foreseen, Frames
from ltxserve.engine.plan import Plan
from ltxserve.engine.sparing import ASKED_AGAIN, DECODED_AGAIN, DENOISED_AGAIN, HEARD_AGAIN, Sparing
from ltxserve.errors import Cancelled, GenerationFailed, OutOfMemory
from ltxserve.media.sound import Sound
from tests.tiny import planned
from tests.unit.engine.fakes import CHUNK, FakeMade


class Short:
    """A device that has too little memory, unless it is used sparingly."""

    def __init__(self, enough_when_sparing: bool = True) -> None:
        self.enough = enough_when_sparing
        self.tried: list[bool] = []
        self.recovered = 0
        self.held: list[weakref.ref[np.ndarray]] = []

    def run(self, plan: Plan) -> FakeMade:
        self.tried.append(plan.low_vram)
        if not (plan.low_vram and self.enough):
            much = np.zeros(1000)
            self.held.append(weakref.ref(much))
            raise OutOfMemory()
        return FakeMade(plan, 0)

    def recover(self) -> None:
        gc.collect()
        assert all(much() is None for much in self.held), "the failed try still holds memory"
        self.recovered += 1


class Choking(FakeMade):
    """Frames whose decoding runs out of memory after some chunks, unless it spares."""

    def __init__(self, chunks: int) -> None:
        super().__init__(planned(num_frames=41), 0)
        self.chunks = chunks

    def frames(self) -> Iterator[Frames]:
        for number, chunk in enumerate(super().frames()):
            if number == self.chunks and not self.spared:
                raise OutOfMemory()
            yield chunk


def shown(frames: Iterator[Frames]) -> list[int]:
    return [int(frame[0, 0, 0]) for chunk in frames for frame in chunk]


def test_a_run_with_memory_enough_is_left_alone():
    short = Short()
    sparing = Sparing(False, short.recover)
    made = sparing.made(planned(), lambda plan: FakeMade(plan, 0))
    assert shown(sparing.frames(made)) == list(range(9))
    assert (short.recovered, sparing.warnings, sparing.on) == (0, (), False)


def test_a_run_is_tried_again_sparingly_and_says_so():
    short = Short()
    sparing = Sparing(False, short.recover)
    made = sparing.made(planned(), short.run)
    assert isinstance(made, FakeMade)
    assert made.plan.low_vram
    assert short.tried == [False, True]
    assert short.recovered == 1
    assert sparing.warnings == (DENOISED_AGAIN,)


def test_a_model_is_asked_again_sparingly():
    tried: list[bool] = []

    def ask(plan: Plan) -> Foreseen:
        tried.append(plan.low_vram)
        if not plan.low_vram:
            raise OutOfMemory()
        return Foreseen(seconds=2.0)

    sparing = Sparing(False, Short().recover)
    assert sparing.foreseen(planned(), ask).seconds == 2.0
    assert tried == [False, True]
    assert sparing.warnings == (ASKED_AGAIN,)


def test_the_next_run_of_the_same_clip_spares_from_the_start():
    short = Short()
    sparing = Sparing(False, short.recover)
    for _ in range(2):
        sparing.made(planned(), short.run)
    assert short.tried == [False, True, True]


@pytest.mark.parametrize(("asked", "tried"), [(False, [False, True]), (True, [True])])
def test_there_is_no_third_try(asked: bool, tried: list[bool]):
    short = Short(enough_when_sparing=False)
    with pytest.raises(OutOfMemory):
        Sparing(asked, short.recover).made(planned(low_vram=asked), short.run)
    assert short.tried == tried


@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_frames_that_were_given_do_not_come_twice(chunks: int):
    short = Short()
    sparing = Sparing(False, short.recover)
    made = Choking(chunks)
    assert shown(sparing.frames(made)) == list(range(41))
    assert made.spared
    assert short.recovered == 1
    assert sparing.warnings == (DECODED_AGAIN,)


def test_sparing_frames_that_are_cut_otherwise_fit_together():
    """Smaller windows give other chunks: the second try begins within one of them."""

    class Recut(Choking):
        def frames(self) -> Iterator[Frames]:
            if not self.spared:
                yield from super().frames()
                return
            whole = np.concatenate(list(FakeMade.frames(self)))
            yield from np.split(whole, range(CHUNK - 3, len(whole), CHUNK))

    assert shown(Sparing(False, Short().recover).frames(Recut(2))) == list(range(41))


class Mute(FakeMade):
    """Sound whose decoding runs out of memory, unless it spares; or always."""

    def __init__(self, enough_when_sparing: bool = True) -> None:
        super().__init__(planned(), 0)
        self.enough = enough_when_sparing
        self.tried = 0

    def sound(self) -> Sound | None:
        self.tried += 1
        if not (self.spared and self.enough):
            raise OutOfMemory()
        return super().sound()


def test_sound_is_decoded_again_sparingly():
    short, made = Short(), Mute()
    sparing = Sparing(False, short.recover)
    assert sparing.sound(made) is not None
    assert (made.tried, short.recovered) == (2, 1)
    assert sparing.warnings == (HEARD_AGAIN,)


@pytest.mark.parametrize(("asked", "tried"), [(False, 2), (True, 1)])
def test_sound_has_no_third_try(asked: bool, tried: int):
    made = Mute(enough_when_sparing=False)
    with pytest.raises(OutOfMemory):
        Sparing(asked, Short().recover).sound(made)
    assert made.tried == tried


@pytest.mark.parametrize("error", [Cancelled(), GenerationFailed("generation_failed", "It broke.")])
def test_what_is_no_lack_of_memory_passes(error: Exception):
    def run(plan: Plan) -> FakeMade:
        raise error

    sparing = Sparing(False, Short().recover)
    with pytest.raises(type(error)):
        sparing.made(planned(), run)
    assert not sparing.on
