"""Which model serves, and how a request is fitted into one that the caller did not name."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.api.stand_ins import FOREIGN, StandIns, fit
from ltxserve.catalog import load_catalog
from ltxserve.catalog.weights.places import Places
from ltxserve.engine.plan import parse_request, plan
from ltxserve.errors import LtxserveError
from tests.replicas.folders import write_row

CATALOG = load_catalog()
TINY = CATALOG.model("tiny")
NOWHERE = Places(volumes=(), home=Path("/nowhere"), caches=())
HERE = StandIns(CATALOG, aliases={"sora-2": "tiny"}, places=NOWHERE)


def test_a_model_that_only_another_service_has_means_this_servers_own() -> None:
    for name in sorted(FOREIGN):
        chosen = StandIns(CATALOG).choose({"prompt": "x", "model": name})
        assert chosen.request["model"] == "tiny"
        assert name in chosen.notes[0]
    assert HERE.choose({"prompt": "x", "model": "sora-2"}).notes == ()
    assert HERE.choose({"prompt": "x", "model": "sora-9"}).request["model"] == "sora-9"
    assert HERE.choose({"prompt": "x", "model": ["sora-2"]}).request["model"] == ["sora-2"]


def test_a_named_model_is_taken_at_its_word():
    chosen = HERE.choose({"prompt": "x", "model": "ltx-2-3-fast", "size": "1920x1080"})
    assert chosen.request == {"prompt": "x", "model": "ltx-2-3-fast", "size": "1920x1080"}
    assert not chosen.notes


def test_where_none_is_named_the_default_stands_in_and_says_so():
    asked = {"prompt": "x", "width": 704, "height": 480, "num_frames": 121, "stg_blocks": [19]}
    chosen = HERE.choose(asked, preset="editor")
    made = plan(parse_request(chosen.request), CATALOG)
    assert made.model == "tiny"
    assert made.deliver.width / made.deliver.height == pytest.approx(704 / 480, rel=0.1)
    assert any("704x480" in note for note in chosen.notes)
    assert "stg_blocks" not in chosen.request


def test_the_presets_own_model_is_used_where_this_build_runs_it():
    chosen = HERE.choose({"prompt": "x"}, preset="draft")
    assert chosen.request == {"preset": "draft", "prompt": "x"}


def test_a_preset_counts_where_the_files_of_its_model_are(tmp_path: Path):
    places = Places(configured=tmp_path, volumes=(), home=tmp_path, caches=())
    elsewhere = StandIns(CATALOG, places=places).choose({"prompt": "x"}, preset="runpod-ltx2")
    assert elsewhere.request["model"] == "tiny"
    write_row(tmp_path, CATALOG.model("ltx-2-19b-dev"))
    here = StandIns(CATALOG, places=places).choose({"prompt": "x"}, preset="runpod-ltx2")
    assert here.request == {"preset": "runpod-ltx2", "prompt": "x"}
    assert StandIns(CATALOG, places=places).choose({}, preset="draft").request["preset"] == "draft"


def test_the_operators_alias_is_fitted():
    chosen = HERE.choose({"prompt": "x", "model": "sora-2", "size": "1280x720", "seconds": 12.0})
    made = plan(parse_request(chosen.request), CATALOG)
    assert (made.model, made.deliver.num_frames) == ("tiny", 121)
    assert len(chosen.notes) == 2


def test_what_fits_is_left_alone():
    request = {"prompt": "x", "width": 256, "height": 128, "num_frames": 49, "stg_blocks": [3]}
    assert fit(request, TINY) == (request, [])


def test_terms_that_a_model_lacks_are_dropped():
    spec = CATALOG.model("ltxv-2b-0.9.8-distilled")
    fitted, notes = fit({"guidance_scale": 3.0, "negative_prompt": "x", "audio": True}, spec)
    assert fitted == {}
    assert len(notes) == 3


def test_an_alias_to_nothing_is_refused():
    with pytest.raises(LtxserveError) as refused:
        StandIns(CATALOG, aliases={"x": "no such"}).choose({"model": "x"})
    assert refused.value.code == "unknown_model"


FIELDS = (
    "model",
    "width",
    "height",
    "size",
    "num_frames",
    "seconds",
    "fps",
    "num_inference_steps",
    "stg_blocks",
    "guidance_scale",
)
ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.lists(st.integers(), max_size=3)
    | st.just({"a": 1})
    | st.just(10**400)
)


@given(st.dictionaries(st.sampled_from(FIELDS), ODD))
def test_anything_is_a_request_or_a_coded_refusal(asked: dict[str, Any]):
    try:
        plan(parse_request({"prompt": "x", **HERE.choose(asked, "editor").request}), CATALOG)
        outcome = "planned"
    except LtxserveError as error:
        outcome = error.code
    assert outcome in {"planned", "request_refused", "unknown_model"}


def test_a_length_is_told_where_the_part_that_tells_it_is_here(tmp_path: Path):
    able = CATALOG.model("ltx-2.5-22b-distilled")
    here = StandIns(CATALOG, places=Places(tmp_path, volumes=(), home=tmp_path, caches=()))
    assert not here.tells_length(able.name)
    head = next(file for file in able.files if file.role == "duration_head")
    place = tmp_path / able.repo / head.path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert here.tells_length(able.name)
    assert here.tells_length("ltx-2-5-fast"), "an alias of it"
    assert not StandIns(CATALOG).tells_length(able.name)
    assert not here.tells_length("tiny")
    assert not here.tells_length("nobody-knows-it")
