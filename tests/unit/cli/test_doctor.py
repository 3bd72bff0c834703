"""Tests of cli/doctor.py: what it finds wrong, the fix it names, and its JSON."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ltxserve.catalog import load_catalog
from ltxserve.cli import doctor
from ltxserve.cli.machine import ENCODERS, PACKAGES, Device, Machine
from ltxserve.cli.room import Room

SOURCE = Path(doctor.__file__).parents[2]
GIB = 2**30


def healthy() -> Machine:
    """A machine on which nothing is missing: one 80 GiB card, 128 GiB of memory."""
    card = Device("cuda", "A100", 80 * GIB, 79 * GIB, {"fp32": "compute", "fp8": "storage"})
    versions: dict[str, str | None] = {**dict.fromkeys(PACKAGES, "1.0"), **doctor.pins()}
    return Machine(
        system="Linux",
        python="3.11.9",
        cpu_count=8,
        memory_total=128 * GIB,
        memory_free=100 * GIB,
        disk_path="weights",
        disk_free=500 * GIB,
        devices=(card,),
        encoders=dict.fromkeys(ENCODERS, True),
        versions=versions,
    )


def run(*words: str, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`ltxserve doctor` in a process of its own, after some code that spoils its surroundings."""
    program = f"{code}\nimport typer\nfrom ltxserve.cli.doctor import doctor\ntyper.run(doctor)"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_wrong_with_a_healthy_machine() -> None:
    assert doctor.engine_findings(healthy()) == []
    assert doctor.media_findings(healthy()) == []


def test_a_missing_engine_is_a_problem_with_its_fix() -> None:
    versions = {**healthy().versions, "torch": None, "diffusers": None}
    found = doctor.engine_findings(dataclasses.replace(healthy(), devices=(), versions=versions))
    assert [finding.level for finding in found] == ["problem", "problem"]
    assert "torch is not installed" in found[0].what
    assert "ltxserve[engine]" in found[0].hint


def test_a_torch_that_does_not_load_is_told_apart_from_a_missing_one() -> None:
    (finding,) = doctor.engine_findings(dataclasses.replace(healthy(), devices=()))
    assert "does not load" in finding.what


@pytest.mark.skipif(not doctor.pins(), reason="ltxserve is not installed, so it has no metadata")
def test_another_version_than_the_pinned_one_is_a_warning() -> None:
    versions = {**healthy().versions, "torch": "1.0+cu90"}
    (finding,) = doctor.engine_findings(dataclasses.replace(healthy(), versions=versions))
    assert finding.level == "warning"
    assert "1.0+cu90" in finding.what


def test_missing_encoders_and_a_full_disk_are_warnings() -> None:
    encoders = {**healthy().encoders, "libx264": False}
    found = doctor.media_findings(dataclasses.replace(healthy(), encoders=encoders, disk_free=GIB))
    assert [finding.level for finding in found] == ["warning", "warning"]
    assert "libx264" in found[0].what
    assert "1.0 GiB" in found[1].what


def test_models_have_the_largest_card_and_the_main_memory() -> None:
    machine = healthy()
    small = dataclasses.replace(machine.devices[0], memory_total=3 * GIB)
    two = dataclasses.replace(machine, devices=(small, machine.devices[0]))
    assert doctor.room(two) == Room(ram=128 * GIB, vram=80 * GIB)
    assert doctor.room(dataclasses.replace(machine, devices=())) == Room(128 * GIB, None)


def test_json_tells_everything() -> None:
    ran = run("--json")
    told = json.loads(ran.stdout)
    problems = [finding for finding in told["findings"] if finding["level"] == "problem"]
    assert told["ok"] is (not problems)
    assert ran.returncode == (1 if problems else 0)
    assert {model["name"] for model in told["models"]} == set(load_catalog().models)
    assert set(told["machine"]["encoders"]) == set(ENCODERS)


def test_without_torch_it_explains_instead_of_failing() -> None:
    ran = run(code="import sys; sys.modules['torch'] = None")
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "does not load" in ran.stdout or "not installed" in ran.stdout


def test_a_wrong_setting_is_a_finding() -> None:
    told = json.loads(run("--json", LTXSERVE_DEVISE="cpu").stdout)
    assert any("LTXSERVE_DEVISE" in finding["what"] for finding in told["findings"])


def test_it_prints_tables_for_people() -> None:
    app = typer.Typer()
    app.command()(doctor.doctor)
    shown = CliRunner().invoke(app, [])
    assert "Encoders" in shown.output
    assert "Versions" in shown.output
