"""The Dockerfiles, by rules like hadolint's, and everything that they name."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass

import pytest

from ltxserve.settings import known_keys
from tests.guards.tree import ROOT

IMAGES = ("worker", "service")
OTHERS = {"PATH", "PYTHONUNBUFFERED", "PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK"}
PLATFORM = {"RUNPOD_DEBUG_LEVEL", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"}


@dataclass(frozen=True)
class Step:
    """One instruction, its continued lines joined."""

    word: str
    rest: str


def text_of(image: str) -> str:
    return (ROOT / f"deploy/docker/{image}.Dockerfile").read_text("utf-8")


def steps(image: str) -> list[Step]:
    lines = [line for line in text_of(image).splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    parts = [line.strip().partition(" ") for line in joined.splitlines() if line.strip()]
    return [Step(word, " ".join(rest.split())) for word, _, rest in parts]


def rests(image: str, word: str) -> list[str]:
    return [step.rest for step in steps(image) if step.word == word]


@pytest.mark.parametrize("image", IMAGES)
def test_only_known_instructions(image: str):
    known = {"ARG", "FROM", "RUN", "ENV", "WORKDIR", "COPY", "USER", "HEALTHCHECK", "CMD", "EXPOSE"}
    assert {step.word for step in steps(image)} <= known


@pytest.mark.parametrize("image", IMAGES)
def test_bases_are_pinned_and_stages_exist(image: str):
    [base] = [rest for rest in rests(image, "ARG") if rest.startswith("BASE_IMAGE=")]
    assert re.search(r":\d[\w.]*-?", base)
    assert "latest" not in base
    stages: set[str] = set()
    for rest in rests(image, "FROM"):
        source, _, name = rest.partition(" AS ")
        assert source == "${BASE_IMAGE}" or source in stages
        stages.add(name)
    for rest in rests(image, "COPY"):
        named = re.search(r"--from=(\S+)", rest)
        assert named is None or named[1] in stages


@pytest.mark.parametrize("image", IMAGES)
def test_what_is_copied_is_there_and_reaches_the_builder(image: str):
    let_in = {
        line.lstrip("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    for rest in rests(image, "COPY"):
        if "--from=" in rest:
            continue
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in let_in, f"{source} is kept out by .dockerignore"


@pytest.mark.parametrize("image", IMAGES)
def test_packages_leave_nothing_behind(image: str):
    for rest in rests(image, "RUN"):
        if "apt-get install" in rest:
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists/*" in rest
        if "pip install" in rest:
            assert "-c constraints.txt" in rest or "--no-deps" in rest
        assert "sudo" not in rest
        assert "curl" not in rest


@pytest.mark.parametrize("image", IMAGES)
def test_it_runs_as_nobody_in_particular_and_gets_its_signals(image: str):
    found = steps(image)
    assert [step.rest for step in found if step.word == "USER"] == ["10001"]
    words = [step.word for step in found]
    assert words.index("USER") < words.index("HEALTHCHECK") < words.index("CMD")
    [command] = rests(image, "CMD")
    assert command.startswith("["), "a shell would be PID 1, and keep the signals"
    [health] = rests(image, "HEALTHCHECK")
    assert "CMD [" in health


@pytest.mark.parametrize("image", IMAGES)
def test_variables_exist(image: str):
    declared = {rest.partition("=")[0] for rest in rests(image, "ARG")}
    used = set(re.findall(r"\$\{?([A-Z_]+)", text_of(image)))
    given = {
        name for rest in rests(image, "ENV") for name in re.findall(r"([A-Z][A-Z0-9_]*)=", rest)
    }
    assert used <= declared | {"PATH"}
    assert given <= {*known_keys(), *OTHERS, *PLATFORM}


@pytest.mark.parametrize("image", IMAGES)
def test_modules_and_routes_of_the_checks_exist(image: str):
    said = rests(image, "HEALTHCHECK")[0] + rests(image, "CMD")[0]
    for module in re.findall(r'"-m", "ltxserve\.([\w.]+)"', said):
        place = ROOT / "src/ltxserve" / module.replace(".", "/")
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists()
    for route in re.findall(r":8000(/\w+)", said):
        assert f'"{route}"' in (ROOT / "src/ltxserve/api/health.py").read_text("utf-8")


def test_the_hub_gets_the_same_image():
    assert (ROOT / ".runpod/Dockerfile").read_text("utf-8") == text_of("worker")


def test_requirements_are_those_of_the_project():
    script = ROOT / "deploy/docker/requirements.py"
    run = subprocess.run(
        [sys.executable, script, "server"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert run.stdout.splitlines() == project["dependencies"] + extras["server"]
    for image in IMAGES:
        [line] = [rest for rest in rests(image, "RUN") if "requirements.py" in rest]
        named = line.partition("requirements.py ")[2].partition(" >")[0].split()
        assert set(named) <= set(extras)


def test_baked_weights_use_a_command_that_exists():
    [line] = [rest for rest in rests("worker", "RUN") if "models pull" in rest]
    options = re.findall(r"--(?:accept-licence|models-dir|quiet)", line)
    page = (ROOT / "docs/reference/cli.md").read_text("utf-8")
    section = page.partition("ltxserve models pull")[2].partition("\n## ")[0]
    assert len(options) == 3
    assert all(option in section for option in options)
