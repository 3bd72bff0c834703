"""Every way to name a source ends in a checked file of the store, or in a coded problem."""

import base64
import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from ltxserve.accounts.accounts import Account
from ltxserve.db.database import Database
from ltxserve.db.tables import jobs as jobs_table
from ltxserve.errors import MediaError, RequestRefused, StorageError
from ltxserve.jobs.rows import NewJob
from ltxserve.jobs.store import insert
from ltxserve.media.fetch import FetchRules
from ltxserve.service.inputs import Inputs, content_of
from ltxserve.service.sources import KEPT
from tests.loopback import Loopback, Reply
from tests.unit.service.given import account, files_in, picture, sound, uploads_in, video


@pytest.fixture
def inputs(sqlite: Database, tmp_path: Path) -> Inputs:
    return Inputs(uploads_in(sqlite, tmp_path)[0])


@pytest.fixture
def anna(sqlite: Database) -> Account:
    return account(sqlite, "anna")


def uri(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def request(*sources: str, **fields: Any) -> dict[str, Any]:
    return {"prompt": "a ball", "conditions": [{"source": s} for s in sources], **fields}


def settled(inputs: Inputs, anna: Account, *sources: str) -> list[str]:
    found = inputs.settle(anna, request(*sources))
    return [part["source"] for part in found["conditions"]]


def code_of(inputs: Inputs, anna: Account, source: str) -> str:
    with pytest.raises(RequestRefused) as caught:
        inputs.settle(anna, request(source))
    problem = caught.value.problems[0]
    assert problem.field == "conditions.0.source"
    assert problem.hint
    return problem.code


def test_a_data_uri(inputs: Inputs, anna: Account):
    given = request(uri(picture()))
    found = inputs.settle(anna, given)
    source = found["conditions"][0]["source"]
    assert source.startswith(f"{KEPT}{anna.id}/uploads/")
    assert source.endswith(".png")
    assert given["conditions"][0]["source"].startswith("data:")
    stored = b"".join(inputs.uploads.store.open(source.removeprefix(KEPT)))
    with Image.open(io.BytesIO(stored)) as opened:
        assert opened.size == (16, 16)


def test_each_place_takes_its_own_families(inputs: Inputs, anna: Account, tmp_path: Path):
    tone = inputs.uploads.create(anna, io.BytesIO(sound(tmp_path)))
    found = inputs.settle(anna, {"prompt": "p", "sound": {"source": tone.id}})
    assert found["sound"]["source"] == KEPT + tone.key
    with pytest.raises(RequestRefused) as caught:
        inputs.settle(
            anna, {"prompt": "p", "retake": {"source": tone.id}, "sound": {"source": "/etc/x"}}
        )
    assert [(p.code, p.field) for p in caught.value.problems] == [
        ("media_type_refused", "retake.source"),
        ("source_invalid", "sound.source"),
    ]


def test_what_is_almost_base64_is_refused_at_once():
    for source in ("A" * 80 + " " * 200_000 + "!", "A" * 80 + "=" * 200_000):
        with pytest.raises(MediaError) as refused:
            content_of(source, 1000)
        assert refused.value.code == "source_invalid"


def test_bare_base64(inputs: Inputs, anna: Account):
    lines = base64.encodebytes(picture()).decode()
    assert settled(inputs, anna, lines)[0].endswith(".png")


def test_an_upload(inputs: Inputs, anna: Account):
    upload = inputs.uploads.create(anna, io.BytesIO(picture()))
    for source in (upload.id, f"upload:{upload.id}", upload.id.upper()):
        assert settled(inputs, anna, source) == [KEPT + upload.key]


def test_a_url(inputs: Inputs, anna: Account, tmp_path: Path):
    clip = video(tmp_path)
    with Loopback(lambda _: Reply(body=clip, headers={"Content-Type": "text/plain"})) as server:
        rules = FetchRules(networks=("127.0.0.1/32",), ports=(server.port,))
        opened = replace(inputs, rules=rules)
        assert settled(opened, anna, f"{server.url}/a.png")[0].endswith(".mp4")
        assert code_of(inputs, anna, f"{server.url}/a.png") == "url_refused"
        little = replace(inputs.uploads, limits=replace(inputs.uploads.limits, max_video_bytes=99))
        assert code_of(replace(opened, uploads=little), anna, server.url) == "media_too_large"


def test_each_source_is_taken_once(inputs: Inputs, anna: Account, tmp_path: Path):
    first, second, third = settled(inputs, anna, uri(picture()), uri(picture(8)), uri(picture()))
    assert first == third != second
    assert len(files_in(tmp_path)) == 2


def test_settling_again_changes_nothing(inputs: Inputs, anna: Account):
    once = inputs.settle(anna, request(uri(picture())))
    assert inputs.settle(anna, once) == once


def test_controls_too(inputs: Inputs, anna: Account):
    given = request(controls=[{"kind": "canny", "source": uri(picture())}])
    assert inputs.settle(anna, given)["controls"][0]["source"].startswith(KEPT)


def finished_job(database: Database, anna: Account, key: str, state: str = "succeeded") -> str:
    new = NewJob(account_id=anna.id, request={}, plan={}, price=0, price_list="free")
    result = {"artifacts": {"video": {"key": key}}}
    with database.begin() as conn:
        job = insert(conn, new)
        change = {"state": state, "result": result, "finished_at": time.time()}
        conn.execute(sa.update(jobs_table).where(jobs_table.c.id == job.id).values(change))
    return job.id


def test_a_finished_job(inputs: Inputs, anna: Account, sqlite: Database):
    job = finished_job(sqlite, anna, "k/video.mp4")
    assert settled(inputs, anna, job) == [f"{KEPT}k/video.mp4"]
    assert settled(inputs, anna, f"job:{job}") == [f"{KEPT}k/video.mp4"]
    assert code_of(inputs, account(sqlite, "bert"), job) == "upload_not_found"
    running = finished_job(sqlite, anna, "k/video.mp4", "running")
    assert code_of(inputs, anna, running) == "not_ready"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("/etc/passwd", "source_invalid"),
        ("../secret.png", "source_invalid"),
        ("file:///etc/passwd", "source_invalid"),
        ("a.png", "source_invalid"),
        ("~/a.png", "source_invalid"),
        ("", "source_invalid"),
        ("concat:a|b", "source_invalid"),
        ("A" * 200, "media_type_refused"),
        ("/usr/share" * 20, "media_type_refused"),
        ("data:image/png;base64", "media_corrupt"),
        ("data:image/png;base64,%%%", "media_corrupt"),
        ("data:text/html,<b>", "media_type_refused"),
        (uri(picture(), "video/mp4"), "media_type_refused"),
        (uri(picture()[:60]), "media_corrupt"),
        ("http://127.0.0.1/a.png", "url_refused"),
        ("http://169.254.169.254/latest/", "url_refused"),
        ("00000000-0000-7000-8000-000000000000", "upload_not_found"),
        ("store:", "upload_not_found"),
        ("store:other/uploads/x.png", "upload_not_found"),
        ("store:../x", "upload_not_found"),
    ],
)
def test_refused(inputs: Inputs, anna: Account, tmp_path: Path, source: str, code: str):
    assert code_of(inputs, anna, source) == code
    assert files_in(tmp_path) == []


def test_no_store_source_of_another_account(inputs: Inputs, anna: Account, sqlite: Database):
    upload = inputs.uploads.create(anna, io.BytesIO(picture()))
    bert = account(sqlite, "bert")
    assert settled(inputs, anna, KEPT + upload.key) == [KEPT + upload.key]
    for source in (KEPT + upload.key, upload.id, f"{KEPT}{bert.id}/../{upload.key}"):
        assert code_of(inputs, bert, source) == "upload_not_found"


def test_sounds_are_no_conditions(inputs: Inputs, anna: Account, tmp_path: Path):
    heard = uri(sound(tmp_path), "audio/wav")
    assert code_of(inputs, anna, heard) == "media_type_refused"
    kept = inputs.settle_one(anna, heard)
    assert kept.endswith(".wav")
    with pytest.raises(MediaError):
        inputs.settle_one(anna, kept.rpartition("/")[2].removesuffix(".wav"), ("image",))


def test_every_problem_is_listed(inputs: Inputs, anna: Account):
    given = request("a.png", uri(picture()), "http://10.0.0.1/")
    given["loras"] = [{"name_or_path": "/etc/x.safetensors"}]
    with pytest.raises(RequestRefused) as caught:
        inputs.settle(anna, given)
    found = {problem.field: problem.code for problem in caught.value.problems}
    assert found == {
        "loras.0.name_or_path": "unknown_lora",
        "conditions.0.source": "source_invalid",
        "conditions.2.source": "url_refused",
    }


def test_a_store_that_is_down_is_not_the_callers_fault(inputs: Inputs, anna: Account):
    class Down:
        def put(self, *_: object) -> None:
            raise StorageError("storage_unavailable", "down")

    broken = replace(inputs, uploads=replace(inputs.uploads, store=Down()))
    with pytest.raises(StorageError):
        broken.settle(anna, request(uri(picture())))


def test_length_is_judged_before_decoding():
    text = "data:image/png;base64," + "A" * 2_000_000
    with pytest.raises(MediaError) as caught:
        content_of(text, 1_000_000)
    assert caught.value.code == "media_too_large"
    assert content_of("data:;base64,QUJD%0A", 3) == (b"ABC", "")
    assert content_of("data:text/plain,a%20b", 3) == (b"a b", "text/plain")
    for uri_of_four in ("data:;base64,QUJDRA==", "data:,abcd"):
        with pytest.raises(MediaError):
            content_of(uri_of_four, 3)


def test_what_uploads_hold_is_told_by_their_names(inputs: Inputs, anna: Account, sqlite: Database):
    upload = inputs.uploads.create(anna, io.BytesIO(picture()))
    names = (upload.id, f"upload:{upload.id.upper()}")
    asked = request(*names, uri(picture()), "018f0000-0000-7000-8000-000000000000", "clip.mp4")
    assert inputs.digests(anna, asked) == dict.fromkeys(names, upload.sha256)
    assert inputs.digests(account(sqlite, "bert"), asked) == {}
