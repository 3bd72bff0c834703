"""Patience of synchronous calls; the calls are tested in tests/api/test_ltx.py."""

from ltxserve.api.ltx.routes import WAIT_SECONDS, router


def test_synchronous_calls_wait_for_whole_clips():
    assert WAIT_SECONDS >= 600
    assert {route.path.split("/")[2] for route in router.routes} == {"v1", "v2"}  # pyright: ignore
