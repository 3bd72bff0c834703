"""Adapters fit their models; a camera motion becomes words or an adapter."""

import dataclasses

import pytest

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.loras import (
    PlannedLora,
    camera_lora,
    camera_prompt,
    plan_loras,
    planned_row,
    refining_lora,
    warn_of_misuse,
)
from ltxserve.types import LoraUse

CATALOG = load_catalog()
TINY, BIG, NEW = (CATALOG.model(n) for n in ("tiny", "ltx-2-19b-dev", "ltx-2.3-22b-dev"))


def test_words_ask_for_the_camera_where_there_is_no_adapter():
    findings = Findings()
    assert camera_prompt("Dolly-In", "a red ball", TINY, CATALOG, findings) == (
        "a red ball. The camera dollies in."
    )
    assert (
        camera_prompt("jib up", "A ball!", TINY, CATALOG, findings) == "A ball! The camera jibs up."
    )
    assert camera_prompt(None, "a", TINY, CATALOG, findings) == "a"
    assert not findings.problems


def test_nothing_is_said_twice():
    said = "a ball, the camera  dollies in"
    assert camera_prompt("dolly_in", said, TINY, CATALOG, Findings()) == said


def test_a_prompt_that_wants_another_camera_is_warned_of():
    findings = Findings()
    camera_prompt("jib_up", "The camera dollies in.", TINY, CATALOG, findings)
    assert "dolly_in" in findings.warnings[0]


def test_an_adapter_moves_the_camera_of_the_19b():
    findings = Findings()
    assert camera_prompt("dolly_in", "a", BIG, CATALOG, findings) == "a"
    assert [lora.name for lora in camera_lora("dolly_in", BIG, CATALOG)] == ["camera-dolly-in"]
    assert camera_lora("dolly_in", TINY, CATALOG) == ()
    assert not findings.problems


@pytest.mark.parametrize(
    ("spec", "motion"), [(TINY, "roll"), (BIG, "focus_shift"), (TINY, "x" * 999)]
)
def test_unknown_motions_list_the_known(spec: ModelSpec, motion: str):
    findings = Findings()
    camera_prompt(motion, "a", spec, CATALOG, findings)
    assert findings.problems[0].code == "camera_motion_unsupported"
    assert "dolly_in" in findings.problems[0].hint


def planned(uses: list[LoraUse], name: str) -> tuple[list[str], Findings]:
    findings = Findings()
    made = plan_loras(tuple(uses), CATALOG.model(name), CATALOG, findings)
    return [lora.name for lora in made], findings


def test_an_adapter_of_the_model_and_one_by_path():
    uses = [
        LoraUse(name_or_path="ic-detailer", strength=0.5),
        LoraUse(name_or_path="x/mine.safetensors"),
    ]
    names, findings = planned(uses, "ltx-2-19b-dev")
    assert names == ["ic-detailer", "mine.safetensors"]
    assert not findings.problems


def test_an_adapter_that_only_users_tried_is_warned_of():
    names, findings = planned([LoraUse(name_or_path="camera-static")], "ltx-2.5-22b-dev")
    assert names == ["camera-static"]
    assert "was not made for" in findings.warnings[0]


@pytest.mark.parametrize(
    ("prompt", "name", "said"),
    [
        ("a ball", "2.3-cinemagraph", ["CINEMAGRAPH_MOTION"]),
        ("a ball, cinemagraph_motion", "2.3-cinemagraph", []),
        ("a ball", "ic-detailer", ["reference video"]),
        ("a ball", "ic-canny", ["by controls"]),
        ("a ball", "2.3-deblur", ["DEBLUR", "reference video"]),
        ("a ball", "camera-static", []),
    ],
)
def test_what_will_hardly_act_is_remarked_on(prompt: str, name: str, said: list[str]):
    findings = Findings()
    mine = PlannedLora("mine.safetensors", 1.0, path="mine.safetensors")
    warn_of_misuse(prompt, (planned_row(CATALOG.lora(name), 1.0), mine), CATALOG, findings)
    assert len(findings.warnings) == len(said)
    assert all(word in text for word, text in zip(said, findings.warnings, strict=True))


@pytest.mark.parametrize(
    ("use", "model", "code"),
    [
        (LoraUse(name_or_path="ic-detailer"), "tiny", "lora_unsupported"),
        (LoraUse(name_or_path="2.5-restore"), "ltx-2-19b-dev", "lora_unsupported"),
        (LoraUse(name_or_path="nothing"), "ltx-2-19b-dev", "unknown_lora"),
        (LoraUse(name_or_path="ic-pose", strength=3), "ltx-2-19b-dev", "strength_out_of_range"),
    ],
)
def test_refusals(use: LoraUse, model: str, code: str):
    _, findings = planned([use], model)
    assert [p.code for p in findings.problems] == [code]


def test_too_many_adapters():
    _, findings = planned([LoraUse(name_or_path="ic-pose")] * 5, "ltx-2-19b-dev")
    assert [p.code for p in findings.problems] == ["lora_unsupported"]


def test_the_second_pass_has_the_adapter_that_its_row_names():
    row = CATALOG.model("ltx-2-19b-dev")
    assert row.sampling.second_pass is not None
    second = dataclasses.replace(row.sampling.second_pass, adapter="distilled-19b")
    named = dataclasses.replace(row, sampling=dataclasses.replace(row.sampling, second_pass=second))
    (found,) = refining_lora(named, CATALOG)
    assert (found.name, found.strength) == ("distilled-19b", 1.0)
    assert found.file == "ltx-2-19b-distilled-lora-384.safetensors"
    assert refining_lora(CATALOG.model("tiny"), CATALOG) == ()
