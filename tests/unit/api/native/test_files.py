"""The address of signed links is the one that the local store writes."""

from ltxserve.api.native.files import router
from ltxserve.storage.local import ROUTE


def test_links_lead_here():
    assert {route.path for route in router.routes} == {ROUTE + "{token}"}  # pyright: ignore
