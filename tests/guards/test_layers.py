"""Imports follow ARCHITECTURE.md: the contracts of pyproject.toml hold and cover every part."""

import tomllib

from tests.guards.tree import PACKAGE, ROOT, run_python

DOORS = {"engine", "training"}
"""Parts where torch may be imported; inside engine the contract lists the light modules itself."""


def contracts() -> dict[str, dict[str, list[str]]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract for contract in config["tool"]["importlinter"]["contracts"]}


def test_contracts_hold() -> None:
    run = run_python("from importlinter.cli import lint_imports_command as c; c(['--no-cache'])")
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(contracts())} kept" in run.stdout, run.stdout


def test_every_light_part_is_in_the_heavy_contract() -> None:
    listed = {name.removeprefix("ltxserve.") for name in contracts()["heavy"]["source_modules"]}
    parts = {
        path.stem
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {"__init__", "__main__"}
    missing = parts - DOORS - listed
    assert not missing, f"add to the contract `heavy` in pyproject.toml: {sorted(missing)}"


def test_no_vague_module_names() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "impl"}
    found = [path for path in PACKAGE.rglob("*") if path.stem in vague]
    assert not found, f"name a module by what it is: {found}"
