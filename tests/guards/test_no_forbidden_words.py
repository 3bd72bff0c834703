"""Tracked files name no path of somebody's machine, no package index and no secret."""

import re

import pytest

from tests.guards.tree import ROOT, tracked_files

# Written in pieces, so that this file does not contain what it forbids.
INDEX_HOSTS = (
    "pypi." + "org",
    "pythonhosted." + "org",
    "download.pytorch." + "org",
    "npmjs." + "org",
)
RULES = {
    "a path of one machine": re.compile(r"(?<![\w.~-])/(?:work|tmp|root|home/\w+)" + r"/[\w.-]"),
    "a package index": re.compile("|".join(re.escape(host) for host in INDEX_HOSTS)),
    "a secret": re.compile(r"\b(?:hf_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9]{32,}|AKIA[A-Z0-9]{16})\b"),
}
BINARY = (".safetensors", ".png", ".jpg", ".mp4", ".webm", ".gif", ".wav", ".ttf", ".model")
SIZE_CEILING = 16 * 2**20


def test_no_forbidden_words() -> None:
    found: list[str] = []
    for name in tracked_files():
        if name.endswith(BINARY):
            continue
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for what, pattern in RULES.items():
            found += [f"{name}: {what}: {match.group()}" for match in pattern.finditer(text)]
    assert not found, "\n".join(found)


def test_no_file_is_too_big() -> None:
    if not tracked_files():
        pytest.skip("not a git checkout")
    big = [name for name in tracked_files() if (ROOT / name).stat().st_size > SIZE_CEILING]
    assert not big, f"over 16 MiB: {big}"
