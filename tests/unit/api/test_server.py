"""The put-together application: what it describes, and that every error form has a route."""

from dataclasses import replace
from pathlib import Path

import pytest

from ltxserve.api.server import FORMS, create_api
from ltxserve.errors import ConfigurationError
from tests.api.serving import Workers, wire


def test_the_description_is_complete(tmp_path: Path):
    app = wire(tmp_path, Workers())
    schema = create_api(app).openapi()
    for path, calls in schema["paths"].items():
        for verb, call in calls.items():
            assert call.get("summary"), f"{verb} {path}"
            assert call.get("description"), f"{verb} {path} says nothing of itself"
    for prefix in FORMS:
        assert any(path.startswith(prefix) for path in schema["paths"]), prefix
    replace(app, pool=None).close()


@pytest.mark.parametrize("aliases", ["sora-2", "sora-2=", "=tiny", "sora-2=no-such-model"])
def test_aliases_that_lead_nowhere_are_refused_at_the_start(tmp_path: Path, aliases: str):
    app = wire(tmp_path, Workers(), model_aliases=aliases)
    with pytest.raises(ConfigurationError) as refused:
        create_api(app)
    assert refused.value.field == "LTXSERVE_MODEL_ALIASES"
    replace(app, pool=None).close()
