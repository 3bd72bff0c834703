"""Runs the operator's commands on a data folder of their own."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ltxserve.cli import app


class Operator:
    """Somebody at a shell whose LTXSERVE_DATA_DIR is a fresh folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("LTXSERVE_DATA_DIR", str(folder))
        for name in ("LTXSERVE_DATABASE_URL", "LTXSERVE_SECRET_KEY", "LTXSERVE_PRICES_FILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("COLUMNS", "250")

    def run(self, *words: str) -> Result:
        """What a command did; errors of ours are in `exception`."""
        return CliRunner().invoke(app, list(words))

    def say(self, *words: str) -> str:
        """What a command that succeeds prints."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output + str(result.exception)
        return result.output.strip()

    def ask(self, *words: str) -> Any:
        """The same with --json, read."""
        return json.loads(self.say(*words, "--json"))

    def refused(self, *words: str) -> str:
        """The code with which a command is refused."""
        error = self.run(*words).exception
        code = getattr(error, "code", None)
        assert isinstance(code, str), f"{words} was not refused: {error!r}"
        return code
