"""The documents tell the truth: what they name exists, and what exists is documented."""

import functools
import re
import subprocess
from pathlib import Path

import pytest

from ltxserve.cli import GROUPS
from tests.guards.tree import PACKAGE, ROOT, run_python

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("benchmarks/*.md"))
)
TOP = {path.name for path in ROOT.iterdir()}
CODE = re.compile(r"```.*?```|`([^`\n]+)`", re.DOTALL)
FENCE = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.DOTALL)
PATH = re.compile(r"[\w.-]+(?:/[\w.*{},-]+)+/?|[\w-]+\.(?:py|toml|md|txt|cfg)")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"(?:`|: )ltxserve ([a-z]+(?: [\w-]+)*)")
NAMES_IN = {
    "modules": re.compile(r"`(ltxserve(?:\.\w+)+)"),
    "make targets": re.compile(r"`make ([a-z-]+)"),
    "settings": re.compile(r"`(LTXSERVE_[A-Z0-9_]+)"),
}


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def spans(page: str) -> list[str]:
    """What a page sets as code within a line."""
    return [text for text in CODE.findall(read(page)) if text]


def is_ours(word: str) -> bool:
    """Whether a word in code style claims to be a file of this repository."""
    return word.partition("/")[0] in TOP if "/" in word else word.endswith((".py", ".toml", ".md"))


def exists(word: str) -> bool:
    """Whether the path, or a pattern like docs/reference/*.md, is there; bare names anywhere."""
    if "/" in word:
        return bool(list(ROOT.glob(word.rstrip("/"))))
    folders = (PACKAGE, ROOT / "tests", ROOT / "docs", ROOT / "benchmarks", ROOT / "examples")
    return (ROOT / word).exists() or any(any(folder.rglob(word)) for folder in folders)


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page: str) -> None:
    words = [word for span in spans(page) if PATH.fullmatch(word := span.strip())]
    missing = sorted({word for word in words if is_ours(word) and not exists(word)})
    assert not missing, f"{page} names files that are not there: {missing}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    broken = [link for link in LINK.findall(read(page)) if not (folder / link).exists()]
    assert not broken, f"{page}: {broken}"


@pytest.mark.parametrize("page", PAGES)
def test_names_exist(page: str) -> None:
    known = {"make targets": make_targets(), "settings": setting_names()}
    for kind, pattern in NAMES_IN.items():
        for name in pattern.findall(read(page)):
            ok = module_exists(name) if kind == "modules" else name in known[kind]
            assert ok, f"{page} names `{name}`, which is not among the {kind}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    said = "\n".join([*FENCE.findall(read(page)), *spans(page)])
    verbs = set(re.findall(r"(?m)^\s*(?:\$ )?ltxserve ([a-z]+)", said))
    assert verbs <= cli_verbs(), f"{page} names commands that do not exist: {verbs - cli_verbs()}"


def test_commands_that_messages_name_exist() -> None:
    """Hints send people to commands, with their options."""
    known, wrong = cli_words(), []
    for path in sorted(PACKAGE.rglob("*.py")):
        for words in NAMED.findall(path.read_text(encoding="utf-8")):
            verb, *rest = words.split()
            group = f"{verb} {rest[0]}" if rest and rest[0].islower() and verb in GROUPS else verb
            used = {group, *(f"{group} {word}" for word in rest if word.startswith("--"))}
            wrong += [f"{path.name}: ltxserve {name}" for name in sorted(used - known)]
    assert not wrong, wrong


def test_every_command_and_target_is_documented() -> None:
    readme = read("README.md") + read("CONTRIBUTING.md")
    verbs = {verb for verb in cli_verbs() if f"ltxserve {verb}" not in readme}
    targets = {target for target in make_targets() if f"make {target}" not in readme}
    assert not verbs | targets, f"README or CONTRIBUTING should name: {verbs | targets}"


def test_every_part_is_in_the_architecture() -> None:
    page = read("ARCHITECTURE.md")
    parts = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith("_")}
    missing = sorted(part for part in parts if not re.search(rf"\b{part}\b", page))
    assert not missing, f"ARCHITECTURE.md does not mention: {missing}"


def test_pages_stay_readable() -> None:
    assert read("ARCHITECTURE.md").count("\n") <= 200
    long = [path.name for path in (ROOT / "docs/decisions").glob("*.md") if lines(path) > 60]
    assert not long, f"a decision is one page at most: {long}"


def test_reference_is_generated_from_the_code() -> None:
    run = run_python(
        "import runpy; runpy.run_path('docs/generate.py', run_name='__main__')", "--check"
    )
    assert run.returncode == 0, run.stdout + run.stderr


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def module_exists(name: str) -> bool:
    """Whether a dotted name is a module, or a public name inside one."""
    parts = name.split(".")[1:]
    for depth in range(len(parts), -1, -1):
        base = PACKAGE.joinpath(*parts[:depth])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                rest = parts[depth:]
                return not rest or re.search(rf"\b{rest[0]}\b", file.read_text()) is not None
    return False


@functools.cache
def make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"(?m)^([a-z-]+):", read("Makefile")))


@functools.cache
def setting_names() -> frozenset[str]:
    return frozenset(asked("from ltxserve.settings import known_keys as k; print(*k())"))


@functools.cache
def cli_verbs() -> frozenset[str]:
    code = (
        "import typer.main as t; from ltxserve.cli import app; print(*t.get_command(app).commands)"
    )
    return frozenset(asked(code))


@functools.cache
def cli_words() -> frozenset[str]:
    """Every command, "verb" or "group verb", alone and with each of its options."""
    code = """
import typer.main as t
from ltxserve.cli import app
def walk(name, command):
    print(name)
    for option in command.params:
        for word in option.opts: print(f"{name} {word}")
    for verb, inner in getattr(command, "commands", {}).items():
        walk(f"{name} {verb}".strip(), inner)
walk("", t.get_command(app))
"""
    run = run_python(code)
    assert run.returncode == 0, run.stderr
    return frozenset(run.stdout.splitlines())


def asked(code: str) -> list[str]:
    """The words a small program prints."""
    run: subprocess.CompletedProcess[str] = run_python(code)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()
