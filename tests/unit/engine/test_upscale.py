"""Upscalers and controls that a model lacks are refused, each on its own."""

from ltxserve.catalog import load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.upscale import check_controls, check_upscale
from ltxserve.types import Control, Upscale

TINY, BIG = (load_catalog().model(n) for n in ("tiny", "ltx-2-19b-dev"))
BOTH = Upscale(spatial=True, temporal=True)


def test_a_model_with_upscalers_uses_them():
    findings = Findings()
    assert check_upscale(BOTH, BIG, findings) == BOTH
    assert not findings.problems


def test_a_multi_scale_model_has_nothing_to_add():
    findings = Findings()
    twice = load_catalog().model("ltxv-13b-0.9.8-distilled")
    assert check_upscale(BOTH, twice, findings) == Upscale(temporal=True)
    assert not findings.problems
    assert any("changes nothing" in warning for warning in findings.warnings)


def test_a_model_without_refuses_both():
    findings = Findings()
    assert check_upscale(BOTH, TINY, findings) == Upscale()
    assert [p.field for p in findings.problems] == ["upscale.spatial", "upscale.temporal"]
    assert {p.code for p in findings.problems} == {"upscale_unsupported"}


def test_controls():
    findings = Findings()
    good = (Control(kind="canny", source="edges.mp4"),)
    assert check_controls(good, BIG, findings) == good
    assert not findings.problems
    check_controls((Control(kind="pose", source="", strength=2),), TINY, findings)
    assert [p.code for p in findings.problems] == [
        "controls_unsupported",
        "source_invalid",
        "strength_out_of_range",
    ]
