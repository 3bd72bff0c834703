"""Tests of cli/machine.py: facts about devices, memory and encoders, on machines made of paper."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ltxserve.cli import machine


class PaperCuda:
    """As much of torch.cuda as the check-up asks, for cards that are not here."""

    def __init__(self, cards: list[tuple[str, tuple[int, int], int]]) -> None:
        self.cards = cards

    def device_count(self) -> int:
        return len(self.cards)

    def get_device_name(self, index: int) -> str:
        return self.cards[index][0]

    def get_device_capability(self, index: int) -> tuple[int, int]:
        return self.cards[index][1]

    def mem_get_info(self, index: int) -> tuple[int, int]:
        total = self.cards[index][2]
        return total // 2, total


def paper_torch(cuda: PaperCuda, mps: bool = False) -> Any:
    return SimpleNamespace(
        cuda=cuda, backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps))
    )


def test_without_torch_there_is_no_device() -> None:
    assert machine.devices(None, 8, 4) == ()


def test_cards_come_first_and_the_cpu_last() -> None:
    cards = [("A100", (8, 0), 80), ("H100", (9, 0), 90)]
    found = machine.devices(paper_torch(PaperCuda(cards)), 64, 32)
    assert [(d.kind, d.memory_total, d.memory_free) for d in found] == [
        ("cuda", 80, 40),
        ("cuda", 90, 45),
        ("cpu", 64, 32),
    ]
    assert found[0].name == "A100"


def test_apple_gpu_shares_the_machines_memory() -> None:
    first, last = machine.devices(paper_torch(PaperCuda([]), mps=True), 64, 32)
    assert (first.kind, first.memory_total, last.kind) == ("mps", 64, "cpu")
    assert first.formats["fp8"] == "no"


@pytest.mark.parametrize(
    ("capability", "computes"),
    [
        ((7, 5), {"fp32", "fp16"}),  # Turing
        ((8, 0), {"fp32", "fp16", "bf16"}),  # A100: fp8 is stored, calculated in bf16
        ((8, 9), {"fp32", "fp16", "bf16", "fp8"}),  # Ada
        ((9, 0), {"fp32", "fp16", "bf16", "fp8"}),  # Hopper
        ((10, 0), {"fp32", "fp16", "bf16", "fp8", "fp4"}),  # Blackwell
    ],
)
def test_formats_follow_the_architecture(capability: tuple[int, int], computes: set[str]) -> None:
    formats = machine.cuda_formats(capability)
    assert {name for name, use in formats.items() if use == "compute"} == computes
    assert set(formats.values()) <= {"compute", "storage"}


def test_a_cpu_with_bf16_instructions_calculates_in_it(tmp_path: Path) -> None:
    flags = tmp_path / "cpuinfo"
    flags.write_text("model name : Paper CPU\nflags : avx2 avx512_bf16 fma\n")
    assert machine.cpu_formats(flags)["bf16"] == "compute"
    assert machine.cpu_name(flags) == "Paper CPU"
    flags.write_text("flags : avx2 fma\n")
    assert machine.cpu_formats(flags)["bf16"] == "storage"
    assert machine.cpu_formats(tmp_path / "none")["fp32"] == "compute"


def test_a_containers_limit_cuts_the_memory(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1000000\n")
    assert machine.memory(limit) == (1_000_000, 1_000_000)
    limit.write_text("max\n")
    total, free = machine.memory(limit)
    assert total > 1_000_000
    assert 0 < free <= total


def test_disk_is_measured_at_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert machine.nearest_folder(tmp_path / "a" / "b") == tmp_path


def test_encoders_are_found_by_name() -> None:
    assert machine.has_encoder("libx264")
    assert not machine.has_encoder("no_such_codec")


def test_versions_of_what_is_installed() -> None:
    assert machine.version("av")
    assert machine.version("no-such-package-here") is None


def test_looking_at_this_machine(tmp_path: Path) -> None:
    seen = machine.look(tmp_path)
    assert seen.cpu_count >= 1
    assert seen.disk_free > 0
    assert set(seen.encoders) == set(machine.ENCODERS)
    assert seen.devices == () or seen.devices[-1].kind == "cpu"
