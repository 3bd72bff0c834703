"""What RunPod's Hub reads, and the guide: known fields, real settings, jobs that can be planned."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.plan import parse_request, plan
from ltxserve.runpod.defaults import filled
from ltxserve.runpod.schema import read
from ltxserve.runpod.words import ALIASES, NATIVE, SOURCES, Extras
from ltxserve.settings import known_keys
from tests.guards.tree import ROOT

CATALOG = load_catalog()
HUB: dict[str, Any] = json.loads((ROOT / ".runpod/hub.json").read_text("utf-8"))
TESTS: dict[str, Any] = json.loads((ROOT / ".runpod/tests.json").read_text("utf-8"))
GUIDE = (ROOT / "docs/deploy.md").read_text("utf-8")
SDK = {
    "RUNPOD_DEBUG_LEVEL",
    "RUNPOD_INIT_TIMEOUT",
    "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS",
    "RUNPOD_SKIP_GPU_CHECK",
}
POOLS = {"ADA_24", "AMPERE_24", "ADA_48_PRO", "AMPERE_48", "ADA_80_PRO", "AMPERE_80", "HOPPER_141"}
INPUT = {
    "type", "name", "description", "default", "required", "advanced", "options", "min", "max",
    "trueValue", "falseValue",
}  # fmt: skip


def test_the_listing_has_the_fields_that_are_known():
    assert set(HUB) <= {"title", "description", "type", "category", "iconUrl", "config"}
    assert (HUB["type"], HUB["category"]) == ("serverless", "video")
    config = HUB["config"]
    assert set(config) <= {
        "runsOn", "endpointType", "containerDiskInGb", "gpuCount", "gpuIds",
        "allowedCudaVersions", "minCudaVersion", "env", "presets",
    }  # fmt: skip
    assert set(config["gpuIds"].split(",")) <= POOLS
    for name in ("handler.py", "Dockerfile"):
        assert (ROOT / ".runpod" / name).is_file()


def test_hosts_have_the_driver_that_the_image_needs():
    image = (ROOT / ".runpod/Dockerfile").read_text("utf-8")
    [base] = re.findall(r"(?m)^ARG BASE_IMAGE=nvidia/cuda:(\d+)\.(\d+)\.", image)
    needed = tuple(int(part) for part in base)
    for given in (HUB["config"], TESTS["config"]):
        hosts = [tuple(map(int, name.split("."))) for name in given["allowedCudaVersions"]]
        assert min(hosts) >= needed
    assert f"CUDA {needed[0]}.{needed[1]} or newer" in GUIDE


def test_its_variables_are_settings():
    for entry in HUB["config"]["env"]:
        assert entry["key"] in {*known_keys(), *SDK}
        given = entry.get("input")
        if given is None:
            assert isinstance(entry["value"], str)
            continue
        assert set(given) <= INPUT
        assert given["type"] in ("string", "number", "boolean", "huggingface")
        assert {"name", "description", "default"} <= set(given)
    for preset in HUB["config"]["presets"]:
        assert set(preset["defaults"]) <= {entry["key"] for entry in HUB["config"]["env"]}
        assert CATALOG.model(preset["defaults"]["MODEL_NAME"]).runs


@pytest.mark.parametrize("test", TESTS["tests"], ids=lambda test: test["name"])
def test_its_tests_can_run_on_their_model(test: dict[str, Any]):
    assert set(test) == {"name", "input", "timeout"}
    [model] = [entry["value"] for entry in TESTS["config"]["env"] if entry["key"] == "MODEL_NAME"]
    reading = read(test["input"])
    reading.refuse()
    made = plan(parse_request(filled(reading.request, CATALOG, model)), CATALOG)
    assert made.model == "tiny"


def test_the_guides_variables_exist():
    said = set(re.findall(r"`((?:LTXSERVE|SUPABASE|HF|RUNPOD)_[A-Z0-9_]+)", GUIDE))
    said |= set(re.findall(r"`(MODEL_NAME|DEVICE|DTYPE)`", GUIDE))
    assert said - SDK <= set(known_keys())


def test_the_guides_json_can_be_sent():
    blocks = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    job = json.loads(blocks[0])
    reading = read(job["input"])
    reading.refuse()
    assert json.loads(blocks[1])["ok"] is True


def test_the_guide_knows_every_word_and_no_other():
    section = GUIDE.partition("### What a job may say")[2].partition("### What comes back")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    told = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    known = {*Extras.model_fields, *ALIASES, *NATIVE}
    assert told <= known
    grouped = {*SOURCES, "strength"}
    assert set(Extras.model_fields) - grouped <= told
    assert set(ALIASES) <= told
