"""Where clips go: caller's bucket or address, the worker's store, or into the answer."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import httpx
import pytest

from ltxserve.errors import LtxserveError, StorageError
from ltxserve.media.fetch import FetchRules
from ltxserve.runpod.outputs import Delivery, Finished, Outputs, named
from ltxserve.runpod.results import MAX_INLINE
from ltxserve.runpod.schema import read
from ltxserve.runpod.words import S3Target
from ltxserve.storage.links import Links
from ltxserve.storage.local import LocalStore
from ltxserve.storage.retry import Patience
from ltxserve.storage.supabase import SupabasePlace, SupabaseStore
from tests.clocks import Shifted
from tests.contracts.supabase import Supabase
from tests.loopback import Loopback, Reply, Request

DAY = 1_790_000_000.0  # 2026-09-21
CLIP = b"a clip" * 100


@pytest.fixture
def clip(tmp_path: Path) -> Finished:
    path = tmp_path / "clip-0.mp4"
    path.write_bytes(CLIP)
    return Finished(path, "video/mp4", len(CLIP), hashlib.sha256(CLIP).hexdigest())


def outputs(server: Loopback | None = None, store: SupabaseStore | None = None) -> Outputs:
    rules = FetchRules(networks=("127.0.0.0/8",), ports=(server.port,)) if server else FetchRules()
    return Outputs(store, 3600, rules, lambda: DAY, Patience(sleep=lambda seconds: None))


@pytest.mark.parametrize("bucket", ["vids", "pub"])
def test_supabase_has_the_place_that_was_agreed(clip: Finished, bucket: str):
    key, clock = "sb_secret_test", Shifted()
    with Supabase(key, clock) as project:
        place = SupabasePlace(f"{project.url}/", key, bucket, "clips/v1", bucket == "pub")
        store = SupabaseStore(place)
        [given] = outputs(store=store).deliver([clip], Delivery("job-1-u1", "my clip.mp4"))
        supabase = given["supabase"]
        assert set(supabase) == {"bucket", "path", "signed_url", "public_url"}
        assert supabase["bucket"] == bucket
        assert supabase["path"] == "clips/v1/2026-09-21/job-1-u1/my_clip.mp4"
        assert (supabase["public_url"] is None) == (bucket == "vids")
        assert httpx.get(supabase["signed_url"]).content == CLIP
        assert given["video"] == {
            "url": supabase["signed_url"],
            "content_type": "video/mp4",
            "bytes": len(CLIP),
            "sha256": clip.sha256,
        }
        unsigned = Delivery("job-1-u1", signed=False)
        [given] = outputs(store=store).deliver([clip], unsigned)
        assert given["supabase"]["signed_url"] is None
        assert given["video"]["url"] == given["supabase"]["public_url"]
        store.close()


def test_any_other_store_gives_a_link(clip: Finished, tmp_path: Path):
    store = LocalStore(tmp_path / "files", Links(["a secret"]), "https://files.example")
    made = Outputs(store, 3600, FetchRules(), lambda: DAY)
    [given] = made.deliver([clip], Delivery("j"))
    assert given["video"]["url"].startswith("https://files.example/")
    assert "supabase" not in given
    assert store.stat("2026-09-21/j/video.mp4") is not None
    [given] = made.deliver([clip], Delivery("j", signed=False))
    assert given["video"]["url"] is None


def test_a_presigned_address_gets_the_file(clip: Finished):
    with Loopback(lambda asked: Reply(200)) as server:
        address = f"{server.url}/bucket/clip.mp4?X-Amz-Signature=secret"
        [given] = outputs(server).deliver([clip], Delivery("j", upload_urls=(address,)))
        [seen] = server.seen
    assert (seen.method, seen.body, seen.headers["content-type"]) == ("PUT", CLIP, "video/mp4")
    assert given["video"]["url"] is None
    assert given["video"]["uploaded_to"] == f"{server.url}/bucket/clip.mp4"
    assert given["video"]["sha256"] == clip.sha256


@pytest.mark.parametrize(
    ("status", "code"), [(403, "storage_refused"), (503, "storage_unavailable")]
)
def test_an_address_that_does_not_take_it(clip: Finished, status: int, code: str):
    with Loopback(lambda asked: Reply(status)) as server, pytest.raises(StorageError) as error:
        outputs(server).deliver([clip], Delivery("j", upload_urls=(f"{server.url}/x",)))
    assert error.value.code == code


def test_an_address_that_is_away_for_a_moment_gets_the_file(clip: Finished):
    statuses = [503, 500, 200]
    with Loopback(lambda asked: Reply(statuses.pop(0))) as server:
        [given] = outputs(server).deliver([clip], Delivery("j", upload_urls=(f"{server.url}/x",)))
        assert [seen.body for seen in server.seen] == [CLIP] * 3
    assert given["video"]["uploaded_to"] == f"{server.url}/x"


def test_an_address_inside_is_not_sent_to(clip: Finished):
    with pytest.raises(LtxserveError) as error:
        outputs().deliver([clip], Delivery("j", upload_urls=("http://169.254.169.254/x",)))
    assert error.value.code == "url_refused"


def test_a_bucket_of_the_callers(clip: Finished):
    kept: dict[str, bytes] = {}

    def answer(asked: Request) -> Reply:
        assert "X-Amz-Signature=" in asked.target
        if asked.method == "PUT":
            kept[asked.path] = asked.body
            return Reply(200)
        return Reply(200, kept[asked.path])

    with Loopback(answer) as server:
        words = {
            "endpointUrl": server.url,
            "bucketName": "b",
            "accessId": "AK",
            "accessSecret": "hush",
        }
        target = S3Target.model_validate({**words, "prefix": "/p/"})
        assert "hush" not in repr(target)
        delivery = Delivery("job/../1", "x.mp4", s3=target)
        [given] = outputs(server).deliver([clip], delivery)
        assert list(kept) == ["/b/p/2026-09-21/job_.._1/x.mp4"]
        assert httpx.get(given["video"]["url"]).content == CLIP
    assert "hush" not in str(given)


def test_without_a_store_the_clip_is_in_the_answer(clip: Finished):
    [given] = outputs().deliver([clip], Delivery("j"))
    assert base64.b64decode(given["video"]["base64"]) == CLIP
    assert given["video"]["url"] is None


def test_what_does_not_fit_in_the_answer(tmp_path: Path):
    path = tmp_path / "big.mp4"
    path.write_bytes(b"0" * (MAX_INLINE // 2 + 1))
    half = Finished(path, "video/mp4", path.stat().st_size, "")
    with pytest.raises(LtxserveError) as error:
        outputs().deliver([half, half], Delivery("j"))
    assert error.value.code == "result_too_large"
    assert "upload_url" in error.value.hint
    with Loopback(lambda asked: Reply(200)) as server:
        both = (f"{server.url}/1", f"{server.url}/2")
        second = Finished(path, "video/mp4", half.bytes, "", 1, 2)
        delivery = Delivery("j", inline=True, upload_urls=both)
        given = outputs(server).deliver([half, second], delivery)
    assert all("base64" not in one["video"] for one in given)


PUBLIC = "https://93.184.215.14"
BUCKET = {"bucket": "b", "access_key_id": "a", "secret_access_key": "s"}


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"file_name": "../x.mp4"}, "file_name"),
        ({"upload_url": "file:///x"}, "upload_url"),
        ({"upload_url": ["https://a.example/1", "https://a.example/2"]}, "upload_url"),
        ({"upload_url": []}, "upload_url"),
        ({"upload_url": "http://[::"}, "upload_url"),
        ({"upload_url": "http://10.0.0.1/x"}, "upload_url"),
        ({"s3": {**BUCKET, "endpoint": "http://[::"}}, "s3.endpoint"),
        ({"s3": {**BUCKET, "endpoint": "http://169.254.169.254"}}, "s3.endpoint"),
        ({"s3": {**BUCKET, "endpoint": f"{PUBLIC}?x="}}, "s3.endpoint"),
        ({"s3": {**BUCKET, "endpoint": PUBLIC, "bucket": "a/../b"}}, "s3.bucket"),
        ({"s3": {**BUCKET, "endpoint": PUBLIC, "prefix": "a b"}}, "s3.prefix"),
    ],
)
def test_words_about_delivery_are_judged_before_the_run(words: dict[str, object], field: str):
    reading = read({"prompt": "x", **words})
    assert [problem.field for problem in outputs().problems(reading, 1)] == [field]


@pytest.mark.parametrize(
    ("given", "suffix", "number", "expected"),
    [
        ("video.mp4", ".mp4", 0, "video.mp4"),
        ("video.mp4", ".webm", 0, "video.webm"),
        ("my.clip", ".mp4", 0, "my.clip.mp4"),
        ("a.mp4", ".mp4", 1, "a-2.mp4"),
    ],
)
def test_names(given: str, suffix: str, number: int, expected: str):
    finished = Finished(Path(f"clip{suffix}"), "", 0, "", number, 2 if number else 1)
    assert named(given, finished) == expected
