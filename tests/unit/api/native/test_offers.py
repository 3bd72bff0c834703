"""Models and codes as callers see them."""

import json

from ltxserve.api.native.offers import error_view, model_view
from ltxserve.catalog import load_catalog


def test_every_model_is_plain_json():
    for spec in load_catalog().models.values():
        view = model_view(spec)
        assert json.loads(json.dumps(view)) == view
        assert view["runs"] or view["reason"]


def test_a_code():
    view = error_view("job_not_found")
    assert (view["status"], view["code"]) == (404, "job_not_found")
