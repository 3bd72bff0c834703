"""The nouns of a pool: what is said by default, and errors that keep their codes."""

import pickle

from ltxserve.errors import CODES, OutOfMemory
from ltxserve.pool.base import UNKNOWN, NoFreeSlot, PoolUnavailable, WorkerBroken


def test_unknown_has_nothing_to_tell():
    assert (UNKNOWN.state, UNKNOWN.updates, UNKNOWN.next) == ("unknown", (), 0)


def test_errors_have_declared_codes_and_cross_processes():
    for error in (NoFreeSlot(), PoolUnavailable("pool_unavailable", "No answer.")):
        assert error.code in CODES
        assert pickle.loads(pickle.dumps(error)).to_dict() == error.to_dict()


def test_a_broken_worker_carries_the_coded_cause():
    assert WorkerBroken(OutOfMemory()).cause.code == "out_of_memory"
