"""GPUs are found without taking hold of them, and hidden ones stay hidden."""

from pathlib import Path

import pytest

from ltxserve.pool.devices import gpus


def tool(folder: Path, script: str) -> str:
    """A folder with an nvidia-smi of our own, to be searched alone."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{folder}:/bin:/usr/bin"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", ()),
        ("-1", ()),
        ("0", ("cuda:0",)),
        ("2, 3", ("cuda:2", "cuda:3")),
        ("GPU-1a2b", ("cuda:GPU-1a2b",)),
    ],
)
def test_what_is_left_in_sight_counts(monkeypatch: pytest.MonkeyPatch, value: str, found: tuple):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert gpus() == found


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo 0; echo 1", ("cuda:0", "cuda:1")),
        ("echo 'No devices were found'", ()),
        ("exit 9", ()),
    ],
)
def test_otherwise_the_driver_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, found: tuple
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", tool(tmp_path, script))
    assert gpus() == found


def test_without_a_driver_there_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == ()
