"""systemd, the installer and Kubernetes: what they name exists; the installer really runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ltxserve.settings import known_keys
from tests.guards.tree import ROOT

INSTALL = ROOT / "deploy/install.sh"
UNIT = (ROOT / "deploy/systemd/ltxserve.service").read_text("utf-8")
KUBERNETES = (ROOT / "deploy/kubernetes/ltxserve.yaml").read_text("utf-8")
PARTS: list[dict[str, Any]] = list(yaml.safe_load_all(KUBERNETES))
ELSEWHERE = {"PYTHONUNBUFFERED"}


def installed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The installer into a folder; the virtual environment is this one."""
    venv = folder / "prefix" / "venv"
    venv.parent.mkdir(parents=True, exist_ok=True)
    if not venv.exists():
        venv.symlink_to(Path(sys.prefix))
    places = {"prefix": "prefix", "data": "data", "config": "config", "units": "units"}
    (folder / "units").mkdir(exist_ok=True)
    options = [part for name, place in places.items() for part in (f"--{name}", folder / place)]
    user = ["--user", subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()]
    return subprocess.run(
        ["bash", INSTALL, "--no-install", *options, *user, *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shell_reads_it():
    for script in ROOT.glob("deploy/**/*.sh"):
        run = subprocess.run(["bash", "-n", script], capture_output=True, check=False)
        assert run.returncode == 0, run.stderr
        assert "set -euo pipefail" in script.read_text("utf-8")


def test_it_installs_and_can_be_run_again(tmp_path: Path):
    run = installed(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    settings = tmp_path / "config" / "env"
    assert settings.stat().st_mode & 0o077 == 0, "settings hold secrets"
    settings.write_text("LTXSERVE_PORT=9000\n")
    again = installed(tmp_path)
    assert again.returncode == 0
    assert settings.read_text() == "LTXSERVE_PORT=9000\n", "an operator's settings were lost"
    assert "stays as it is" in again.stdout
    unit = (tmp_path / "units" / "ltxserve.service").read_text()
    assert "@" not in re.sub(r"(?m)^#.*$", "", unit)
    assert f"ExecStart={tmp_path}/prefix/venv/bin/ltxserve serve" in unit
    if shutil.which("systemd-analyze"):
        verified = subprocess.run(
            ["systemd-analyze", "verify", tmp_path / "units" / "ltxserve.service"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "ltxserve.service:" not in verified.stderr, verified.stderr


def test_without_a_service_it_is_an_environment_and_a_model(tmp_path: Path):
    run = installed(tmp_path, "--no-service")
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / "data" / "models").is_dir()
    assert list((tmp_path / "units").iterdir()) == []
    assert not (tmp_path / "config").exists()
    told = run.stdout.splitlines()[-1]
    assert f"LTXSERVE_MODELS={tmp_path}/data/models {tmp_path}/prefix/venv/bin/ltxserve" in told


@pytest.mark.parametrize(
    ("words", "said"), [(("--odd",), "no option --odd"), (("--model", "nope"), "No model is named")]
)
def test_what_it_cannot_do_it_says(tmp_path: Path, words: tuple[str, ...], said: str):
    run = installed(tmp_path, *words)
    assert run.returncode != 0
    assert said in run.stderr


def test_every_option_is_explained():
    taken = set(re.findall(r"(?m)^    (--[a-z-]+)\)", INSTALL.read_text("utf-8")))
    told = subprocess.run(["bash", INSTALL, "--help"], capture_output=True, text=True).stdout
    assert taken == set(re.findall(r"(?m)^  (--[a-z-]+)", told))


def test_what_runs_gets_the_new_code():
    script = INSTALL.read_text("utf-8")
    assert "systemctl restart ltxserve.service" in script
    assert "--now" not in script, "a service that runs would go on with what it has loaded"


def test_the_unit_restarts_and_gives_time():
    assert "Restart=on-failure" in UNIT
    assert "TimeoutStopSec=120" in UNIT
    [line] = re.findall(r"(?m)^Environment=(.*)$", UNIT)
    names = {word.partition("=")[0] for word in line.split()}
    assert names <= {*known_keys(), *ELSEWHERE}


def test_kubernetes_parts_fit_together():
    names = {(part["kind"], part["metadata"]["name"]) for part in PARTS}
    assert len(names) == len(PARTS) == 6
    for part in PARTS:
        target = part["spec"].get("scaleTargetRef")
        assert target is None or ("Deployment", target["name"]) in names
        for volume in part["spec"].get("template", {}).get("spec", {}).get("volumes", ()):
            claim = volume["persistentVolumeClaim"]["claimName"]
            assert ("PersistentVolumeClaim", claim) in names


def test_kubernetes_containers():
    deployments = [part for part in PARTS if part["kind"] == "Deployment"]
    for part in deployments:
        labels = part["spec"]["template"]["metadata"]["labels"]
        assert part["spec"]["selector"]["matchLabels"] == labels
        [container] = part["spec"]["template"]["spec"]["containers"]
        assert container["securityContext"]["runAsNonRoot"] is True
        given = {entry["name"] for entry in container.get("env", ())}
        assert given <= set(known_keys())
    mentioned = set(re.findall(r"\b(?:LTXSERVE|HF)_[A-Z0-9_]+\b", KUBERNETES))
    assert mentioned <= set(known_keys())
    routes = (ROOT / "src/ltxserve/api/health.py").read_text("utf-8")
    assert all(f'"{route}"' in routes for route in re.findall(r"path: (/\w+)", KUBERNETES))
    [query] = re.findall(r"SELECT COUNT.*?'\)", KUBERNETES)
    assert query == "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')"
