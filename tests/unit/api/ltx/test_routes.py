"""Patience of synchronous calls; the calls are tested in tests/api/test_ltx.py."""

from pathlib import Path

from ltxserve.api.ltx.routes import WAIT_SECONDS, router, with_length
from ltxserve.api.stand_ins import Chosen, StandIns
from ltxserve.catalog import load_catalog
from ltxserve.catalog.weights.places import Places

CATALOG = load_catalog()


def test_synchronous_calls_wait_for_whole_clips():
    assert WAIT_SECONDS >= 600
    assert {route.path.split("/")[2] for route in router.routes} == {"v1", "v2"}  # pyright: ignore


def test_a_clip_without_a_duration_is_as_long_as_its_prompt_needs(tmp_path: Path):
    models = StandIns(CATALOG, places=Places(tmp_path, volumes=(), home=tmp_path, caches=()))
    asked = Chosen({"prompt": "x", "model": "ltx-2-5-fast"}, ("a note",))
    assert with_length(asked, models) == asked, "the part that tells it is not here"
    able = CATALOG.model("ltx-2-5-fast")
    head = next(file for file in able.files if file.role == "duration_head")
    (tmp_path / able.repo / head.path).parent.mkdir(parents=True)
    (tmp_path / able.repo / head.path).write_bytes(b"x")
    made = with_length(asked, models)
    assert made == Chosen({**asked.request, "auto_length": {}}, ("a note",))
    for more in ({"seconds": 3}, {"sound": {"source": "a.wav"}}, {"model": "tiny"}):
        other = Chosen({**asked.request, **more})
        assert with_length(other, models) == other
