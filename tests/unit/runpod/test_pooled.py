"""Work of a service of ours: its clip is in the store that both know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ltxserve.engine.engine import Engine
from ltxserve.errors import ConfigurationError
from ltxserve.media.fetch import FetchRules
from ltxserve.runpod.pooled import Pooled
from ltxserve.service.scratch import Scratch
from ltxserve.storage.links import Links
from ltxserve.storage.local import LocalStore
from tests.unit.engine.fakes import Loader

PAYLOAD: dict[str, Any] = {
    "account_id": "a",
    "job_id": "j",
    "attempt": 1,
    "kind": "generation",
    "request": {"prompt": "x", "width": 128, "height": 128, "num_frames": 9},
}


def test_the_files_lie_where_the_service_looks(tmp_path: Path):
    store = LocalStore(tmp_path / "files", Links(["a secret"]), "")
    scratch = Scratch(tmp_path)
    pooled = Pooled(Engine(create=Loader()), store, FetchRules(), scratch)
    told: list[Any] = []
    result = pooled(PAYLOAD, told.append)
    video = result["artifacts"]["video"]
    assert video["key"] == "a/j/1/video.mp4"
    stored = store.stat(video["key"])
    assert stored is not None
    assert stored.sha256 == video["sha256"]
    assert {update["stage"] for update in told} >= {"denoise", "store"}
    with pytest.raises(ConfigurationError):
        pooled({"request": {}}, told.append)
    scratch.close()


def test_without_a_common_store_it_cannot_be_done(tmp_path: Path):
    scratch = Scratch(tmp_path)
    with pytest.raises(ConfigurationError) as error:
        Pooled(Engine(create=Loader()), None, FetchRules(), scratch)(PAYLOAD, lambda update: None)
    assert error.value.field == "LTXSERVE_STORE"
    scratch.close()
