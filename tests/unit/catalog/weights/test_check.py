"""Whole or not: digests in both forms, headers cut at every place, records."""

import struct
from pathlib import Path

import pytest

from ltxserve.catalog.weights.check import (
    Record,
    digest_of,
    fault,
    read_header,
    read_record,
    remove_record,
)
from tests.unit.catalog.weights.conftest import safetensors

WHOLE = safetensors(100)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "w.safetensors"
    path.write_bytes(content)
    return path


def test_digests(tmp_path: Path):
    path = written(tmp_path, b"hello\n")
    known = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    assert digest_of(path, "sha256:") == f"sha256:{known}"
    assert digest_of(path, "git:") == "git:ce013625030ba8dba906f756967f9e9ca394464a"


def test_a_whole_file(tmp_path: Path):
    path = written(tmp_path, WHOLE)
    assert read_header(path)["w"]["dtype"] == "U8"
    assert fault(path, None) == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no safetensors"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no safetensors"),
        (WHOLE[:5], "no safetensors"),
        (WHOLE[:20], "cut short"),
        (WHOLE[:-1], "cut short: "),
        (WHOLE + b"x", "behind its end"),
        (struct.pack("<Q", 4) + b"{}{}", "header cannot be read"),
        (struct.pack("<Q", 2) + b"[]", "header cannot be read"),
    ],
)
def test_a_damaged_file(tmp_path: Path, content: bytes, says: str):
    assert says in fault(written(tmp_path, content), None)


def test_records(tmp_path: Path):
    path = written(tmp_path, WHOLE)
    record = Record("a/b", "w.safetensors", len(WHOLE), digest_of(path, "sha256:"))
    record.write(tmp_path)
    assert read_record(tmp_path, "a/b", "w.safetensors") == record
    read: list[int] = []
    assert fault(path, record, read.append) == ""
    assert sum(read) == len(WHOLE)
    path.write_bytes(WHOLE[:-1] + b"\0")
    assert "sha256 differs" in fault(path, record)
    path.write_bytes(WHOLE[:-1])
    assert "instead of" in fault(path, record)
    remove_record(tmp_path, "a/b", "w.safetensors")
    assert read_record(tmp_path, "a/b", "w.safetensors") is None
