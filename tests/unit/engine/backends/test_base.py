"""The port of a backend: small, and filled by what is real and by what stands in for it."""

import inspect

import pytest

from ltxserve.engine.backends import base
from ltxserve.engine.backends.diffusers.run import DiffusersBackend, DiffusersMade
from tests.unit.engine.fakes import FakeBackend, FakeMade


def methods(port: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(function)
        for name, function in vars(port).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }


def test_the_port_has_at_most_six_methods():
    assert 0 < len(methods(base.Backend)) <= 6


@pytest.mark.parametrize("kind", [DiffusersBackend, FakeBackend])
def test_backends_take_what_the_port_takes(kind: type):
    for name, signature in methods(base.Backend).items():
        assert list(inspect.signature(getattr(kind, name)).parameters) == list(signature.parameters)


@pytest.mark.parametrize("kind", [DiffusersMade, FakeMade])
def test_made_clips_take_what_the_port_takes(kind: type):
    for name, signature in methods(base.Made).items():
        assert list(inspect.signature(getattr(kind, name)).parameters) == list(signature.parameters)
