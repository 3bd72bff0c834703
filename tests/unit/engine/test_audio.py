"""Sound is made when model and format can, and refused when the model cannot."""

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.audio import plan_audio
from ltxserve.engine.findings import Findings

TINY, SILENT = (load_catalog().model(n) for n in ("tiny", "ltxv-2b-0.9.5"))


@pytest.mark.parametrize(
    ("wanted", "format", "made"),
    [(None, "mp4", True), (True, "webm", True), (False, "mp4", False), (None, "gif", False)],
)
def test_on_a_model_with_sound(wanted: bool | None, format: str, made: bool):
    findings = Findings()
    assert plan_audio(wanted, format, TINY, findings) is made
    assert not findings.problems
    assert not findings.warnings


def test_a_format_without_sound_is_warned_of_when_sound_was_asked_for():
    findings = Findings()
    assert plan_audio(True, "png", TINY, findings) is False
    assert findings.warnings


def test_a_silent_model_makes_none_and_refuses_to_be_asked():
    findings = Findings()
    assert plan_audio(None, "mp4", SILENT, findings) is False
    assert not findings.problems
    plan_audio(True, "mp4", SILENT, findings)
    assert findings.problems[0].code == "audio_unsupported"
