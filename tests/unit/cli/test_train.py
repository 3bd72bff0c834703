"""The train verb: refuses what it cannot train, stops by minutes, says how to go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ltxserve.cli import app
from ltxserve.errors import ModelUnavailable, RequestRefused


def test_another_model_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", "ltx-2-19b-dev", "--folder", str(tmp_path / "t")])
    assert isinstance(result.exception, RequestRefused)
    assert result.exception.codes == ("unknown_model",)
    assert not (tmp_path / "t").exists()


def test_no_minutes_leaves_a_checkpoint_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    result = CliRunner().invoke(app, ["train", "tiny", "--folder", str(folder), "--minutes", "0"])
    assert result.exit_code == 0, result.output
    assert (folder / "vae.pt").exists()
    assert str(folder) in result.output.replace("\n", "")


def test_upsamplers_need_a_finished_model(tmp_path: Path) -> None:
    asked = ["train", "tiny-upsamplers", "--folder", str(tmp_path)]
    result = CliRunner().invoke(app, asked)
    assert isinstance(result.exception, ModelUnavailable)
    assert result.exception.code == "weights_missing"
