"""The public names: they exist, they are light, and `generate` reads the settings."""

import numpy as np
import pytest

import ltxserve
from tests.guards.tree import run_python
from tests.tiny import SMALL, disc


@pytest.mark.parametrize("name", [*ltxserve.__all__, "__version__"])
def test_every_public_name_is_there(name: str):
    assert getattr(ltxserve, name) is not None
    assert name in dir(ltxserve)


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'generat'"):
        ltxserve.generat  # noqa: B018


def test_generate_makes_a_clip_between_two_pictures():
    left, right = disc(at=(0.3, 0.5)), disc(at=(0.7, 0.5))
    clip = ltxserve.generate("a red ball moves right", image=left, last_image=right, **SMALL)
    assert isinstance(clip, ltxserve.Clip)
    assert (clip.frames.shape, clip.frames.dtype) == ((9, 128, 128, 3), np.uint8)
    assert clip.plan.conditions[1].frame == 8
    assert ltxserve.shared_engine() is ltxserve.shared_engine()


def test_generate_refuses_with_every_reason():
    with pytest.raises(ltxserve.RequestRefused) as caught:
        ltxserve.generate("", width=5, num_frames=10)
    assert len(caught.value.problems) == 3


def test_settings_reach_generate():
    code = (
        "import os; os.environ['LTXSERVE_DEVICE'] = 'toaster'\n"
        "import ltxserve\n"
        "try:\n    ltxserve.generate('a ball')\n"
        "except ltxserve.LtxserveError as error:\n    print(error.code)"
    )
    assert run_python(code).stdout.strip() == "settings_invalid"
