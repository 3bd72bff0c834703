"""The simple dialect's addresses; the calls are tested in tests/api/test_simple.py."""

from ltxserve.api.server import FORMS
from ltxserve.api.simple import views
from ltxserve.api.simple.routes import router


def test_every_address_answers_errors_in_the_dialects_form():
    for route in router.routes:
        path = route.path.partition("/{")[0]  # pyright: ignore[reportAttributeAccessIssue]
        assert FORMS[path] is views.ERRORS
