"""What is drawn without a generator follows from the seed, and leaves nothing behind."""

from collections.abc import Iterator

import torch

from ltxserve.engine.backends.diffusers.chance import Chance, drawn

CPU = torch.device("cpu")


def pieces() -> Iterator[float]:
    for _ in range(3):
        yield float(torch.rand(()))


def test_a_seed_follows_from_a_generator():
    seeds = [drawn(torch.Generator().manual_seed(n)) for n in (1, 1, 2)]
    assert seeds[0] == seeds[1] != seeds[2]


def test_pieces_follow_from_the_seed_whatever_is_drawn_between_them():
    first = list(Chance(1, CPU).following(pieces()))
    again = []
    for piece in Chance(1, CPU).following(pieces()):
        torch.rand(5)
        again.append(piece)
    assert first == again
    assert len(set(first)) == 3
    assert first != list(Chance(2, CPU).following(pieces()))


def test_outside_nothing_is_changed():
    before = torch.get_rng_state()
    with Chance(1, CPU).drawing():
        torch.rand(3)
    list(Chance(1, CPU).following(pieces()))
    assert torch.equal(before, torch.get_rng_state())
