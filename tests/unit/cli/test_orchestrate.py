"""What `orchestrate` says of itself; how it runs and ends: test_serve.py and tests/e2e."""

from typer.testing import CliRunner

from ltxserve.cli import app


def test_it_explains_itself() -> None:
    result = CliRunner().invoke(app, ["orchestrate", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "serve --api-only" in result.output
