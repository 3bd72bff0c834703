"""Files arrive whole and verified or not at all, over connections that break."""

import hashlib
from pathlib import Path

import pytest

from ltxserve.client import Client
from ltxserve.errors import LtxserveError, NotFound, OutOfMemory, ServiceUnavailable
from tests.unit.client.script import Reply, job, problem, scripted

CONTENT = bytes(range(256)) * 400
FILE = {
    "url": "/api/generations/job-1/content",
    "media_type": "video/mp4",
    "bytes": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
}
DONE = job("succeeded", artifacts={"video": FILE})


def test_a_file_with_its_progress(tmp_path: Path):
    told: list[tuple[int, int]] = []
    with scripted(DONE, Reply(body=CONTENT)) as script, Client(script.url) as client:
        path = client.download("job-1", tmp_path, on_bytes=lambda *n: told.append(n))
    assert path == tmp_path / "job-1.mp4"
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("resumes", [True, False])
def test_a_broken_connection_is_taken_up(tmp_path: Path, resumes: bool):
    broken = Reply(body=CONTENT[:50_000], length=len(CONTENT), drop=True)
    rest = Reply(206, CONTENT[50_000:]) if resumes else Reply(200, CONTENT)
    with scripted(DONE, broken, None, rest) as script, Client(script.url) as client:
        path = client.download("job-1", tmp_path / "new" / "a.mp4")
    assert path.read_bytes() == CONTENT
    assert script.asked[-1].headers["range"] == "bytes=50000-"


def test_a_damaged_file_is_not_kept(tmp_path: Path):
    wrong = bytes(len(CONTENT))
    with (
        scripted(DONE, Reply(body=wrong)) as script,
        Client(script.url) as client,
        pytest.raises(ServiceUnavailable) as error,
    ):
        client.download("job-1", tmp_path / "a.mp4")
    assert error.value.code == "service_answer_invalid"
    assert list(tmp_path.iterdir()) == []


def test_refusals(tmp_path: Path):
    failed = job("failed", error={"code": "out_of_memory", "message": "No memory.", "hint": ""})
    cases: list[tuple[list[Reply | dict], type[LtxserveError], str]] = [
        ([job("running")], NotFound, "not_ready"),
        ([job("succeeded")], NotFound, "file_not_found"),
        ([failed], OutOfMemory, "out_of_memory"),
        ([DONE, problem(404, "file_not_found")], NotFound, "file_not_found"),
    ]
    for replies, kind, code in cases:
        with (
            scripted(*replies) as script,
            Client(script.url) as client,
            pytest.raises(kind) as error,
        ):
            client.download("job-1", tmp_path / "a.mp4")
        assert error.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "a.mp4").mkdir()
    (tmp_path / "a.mp4" / "job-1.mp4").mkdir()
    with (
        scripted(DONE, Reply(body=CONTENT)) as script,
        Client(script.url) as client,
        pytest.raises(LtxserveError) as error,
    ):
        client.download("job-1", tmp_path / "a.mp4")
    assert error.value.code == "media_write_failed"
