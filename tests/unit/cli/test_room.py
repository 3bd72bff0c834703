"""Room for models, on machines with and without a GPU."""

from pathlib import Path

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.cli.room import Room, find_room, fits, gpu_memory

GIB = 2**30
CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("model", "room", "verdict"),
    [
        ("tiny", Room(2 * GIB, None), "yes"),
        ("tiny", Room(GIB // 2, None), "no"),
        ("ltx-2-19b-distilled-fp8", Room(64 * GIB, 80 * GIB), "yes"),
        ("ltx-2-19b-distilled-fp8", Room(64 * GIB, 48 * GIB), "low_vram"),
        ("ltx-2-19b-distilled-fp8", Room(64 * GIB, 8 * GIB), "no"),
        ("ltx-2-19b-distilled-fp8", Room(32 * GIB, None), "no"),
    ],
)
def test_fits(model: str, room: Room, verdict: str):
    assert fits(CATALOG.model(model), room) == verdict


def test_this_machine_has_memory():
    assert find_room().ram > 0


def script(folder: Path, text: str) -> str:
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)
    return str(tool)


def test_the_largest_gpu_counts(tmp_path: Path):
    assert gpu_memory(script(tmp_path, "echo 24576; echo 81920")) == 80 * GIB


@pytest.mark.parametrize("text", ["exit 9", "echo no devices found", ""])
def test_a_tool_that_finds_nothing(tmp_path: Path, text: str):
    assert gpu_memory(script(tmp_path, text)) is None


def test_no_tool():
    assert gpu_memory(None) is None
