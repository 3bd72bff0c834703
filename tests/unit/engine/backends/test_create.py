"""The creator loads late: asking for it costs nothing, a model without files is refused."""

import dataclasses

import pytest

from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.create import create_backend
from ltxserve.errors import ModelUnavailable
from tests.guards.tree import run_python
from tests.tiny import SPEC


def test_importing_the_creator_loads_no_model_library():
    code = "import sys, ltxserve.engine.backends.create; print('torch' in sys.modules)"
    assert run_python(code).stdout.strip() == "False"


def test_a_model_without_files_is_unavailable():
    with pytest.raises(ModelUnavailable) as caught:
        create_backend(dataclasses.replace(SPEC, weights=""), Placement())
    assert (caught.value.code, caught.value.field) == ("weights_missing", "model")
