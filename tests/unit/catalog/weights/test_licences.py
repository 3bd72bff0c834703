"""Acceptance of licences: by a note, by the operator, or not at all."""

from pathlib import Path

import pytest

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.catalog.weights.licences import accept, is_accepted, require
from ltxserve.errors import ModelUnavailable


def test_free_weights_need_nothing(tmp_path: Path):
    assert is_accepted(load_catalog().model("tiny").licence, tmp_path)


def test_a_note_is_kept(spec: ModelSpec, tmp_path: Path):
    other = load_catalog().model("ltx-2-19b-dev").licence
    assert not is_accepted(spec.licence, tmp_path)
    accept(other, tmp_path)
    assert not is_accepted(spec.licence, tmp_path)
    accept(spec.licence, tmp_path)
    assert is_accepted(spec.licence, tmp_path)
    assert is_accepted(other, tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "null"])
def test_a_broken_note_accepts_nothing(spec: ModelSpec, tmp_path: Path, content: str):
    accept(spec.licence, tmp_path)
    (tmp_path / ".ltxserve" / "licences.json").write_text(content)
    assert not is_accepted(spec.licence, tmp_path)


def test_the_operator_may_accept(spec: ModelSpec, tmp_path: Path):
    require(spec, tmp_path, ("all",))
    require(spec, tmp_path, (spec.licence.name,))
    with pytest.raises(ModelUnavailable) as caught:
        require(spec, tmp_path, ("another",))
    assert caught.value.code == "licence_not_accepted"
    assert spec.licence.url in caught.value.message
    assert "--accept-licence" in caught.value.hint
