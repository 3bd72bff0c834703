"""Local files are uploaded, once each; everything else stays as it is."""

from pathlib import Path

import pytest

from ltxserve.client import Client, views
from ltxserve.client.sources import upload
from ltxserve.errors import MediaError
from tests.unit.client.script import JOB, Reply, job, scripted

UPLOAD = {"id": "upload-1", "media_type": "image/png", "bytes": 3}


def test_files_are_uploaded_once(tmp_path: Path):
    file = tmp_path / "a.png"
    file.write_bytes(b"png")
    urls = ["https://example.com/a.png", "data:image/png;base64,AAAA", "some-id"]
    conditions = [{"source": source} for source in (str(file), file, *urls)]
    with scripted(UPLOAD, Reply(202, job())) as script, Client(script.url) as client:
        client.generate("x", wait=False, conditions=conditions)
    assert [asked.path for asked in script.asked] == ["/api/uploads", "/api/generations"]
    assert b'name="file"; filename="a.png"' in script.asked[0].body
    sent = [part["source"] for part in script.asked[1].json["conditions"]]
    assert sent == ["upload-1", "upload-1", *urls]


def test_what_a_clip_is_made_from_is_uploaded_too(tmp_path: Path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"mp4")
    with scripted(UPLOAD, Reply(202, job())) as script, Client(script.url) as client:
        fields = {"extend": {"source": str(file), "seconds": 1}, "sound": {"source": str(file)}}
        client.generate("x", wait=False, **fields)
    assert script.asked[1].json["extend"] == {"source": "upload-1", "seconds": 1}
    assert script.asked[1].json["sound"] == {"source": "upload-1"}


def test_jobs_are_named_by_their_ids():
    with scripted(Reply(202, job())) as script, Client(script.url) as client:
        client.stitch([views.job(JOB), "other"], wait=False, transition={"kind": "fade"})
    assert script.asked[0].path == "/api/stitches"
    assert script.asked[0].json == {
        "clips": [{"source": "job-1"}, {"source": "other"}],
        "transition": {"kind": "fade"},
    }


def test_a_file_that_is_not_here(tmp_path: Path):
    with pytest.raises(MediaError):
        next(upload(tmp_path / "none.png"))
