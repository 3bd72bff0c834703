"""Planning, listing, probing and help never load a model library: they must start at once."""

import pytest

from tests.guards.tree import run_python

HEAVY = ("torch", "diffusers", "transformers", "accelerate", "peft", "tokenizers", "matplotlib")

SURFACES = {
    "package": "import ltxserve",
    "nouns": "import ltxserve.types, ltxserve.errors, ltxserve.progress, ltxserve.settings",
    "catalog": "from ltxserve.catalog import load_catalog; load_catalog()",
    "plan": (
        "from ltxserve.catalog import load_catalog\n"
        "from ltxserve.engine.plan import plan\n"
        "from ltxserve.types import GenerationRequest\n"
        "plan(GenerationRequest(prompt='a red ball'), load_catalog())"
    ),
    "media": "import ltxserve.media.encode, ltxserve.media.decode, ltxserve.media.probe",
    "cli": "import ltxserve.cli",
}
VERBS = (["--help"], ["models"], ["plan", "a red ball"], ["generate", "--help"])


def loaded_after(code: str) -> str:
    """Run the code in a fresh interpreter; the heavy libraries it loaded, comma separated."""
    probe = f"print('HEAVY:' + ','.join(sorted(set({HEAVY!r}) & set(sys.modules))))"
    run = run_python(f"{code}\nimport sys\n{probe}")
    assert run.returncode == 0, run.stderr
    return run.stdout.rpartition("HEAVY:")[2].strip()


@pytest.mark.parametrize("surface", SURFACES)
def test_import_is_light(surface: str) -> None:
    assert loaded_after(SURFACES[surface]) == ""


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_command_is_light(words: list[str]) -> None:
    code = (
        "import sys\nfrom ltxserve.cli import main\n"
        f"sys.argv = ['ltxserve', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
    )
    assert loaded_after(code) == ""
