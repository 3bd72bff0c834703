"""A stitch on its way into the queue: refused as a whole, or with clips that workers can read."""

import base64
from pathlib import Path
from typing import Any

import pytest

from ltxserve.accounts.accounts import Account
from ltxserve.db.database import Database
from ltxserve.errors import Conflict, RequestRefused
from ltxserve.jobs import events, store
from ltxserve.jobs.engine import Enqueuer, migrate
from ltxserve.jobs.listing import counts
from ltxserve.service.inputs import KEPT, Inputs
from ltxserve.service.placing import Placing
from ltxserve.service.signals import Signals
from ltxserve.service.stitches import fetch_clips, join, read
from ltxserve.service.stitching import Stitches
from ltxserve.service.submission import Submission
from tests.unit.service.given import account, picture, uploads_in, video

FADE = {"kind": "crossfade", "seconds": 0.05}


@pytest.fixture
def stitches(sqlite: Database, tmp_path: Path) -> Stitches:
    migrate(sqlite)
    placing = Placing(sqlite, Enqueuer(sqlite), Signals())
    return Stitches(placing, Inputs(uploads_in(sqlite, tmp_path)[0]))


@pytest.fixture
def anna(sqlite: Database) -> Account:
    return account(sqlite, "anna")


def uri(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def submission(*sources: str, **fields: Any) -> Submission:
    request = {"clips": [{"source": source} for source in sources], "transition": FADE}
    return Submission(request, **fields)


def test_queued_with_clips_that_workers_read(
    stitches: Stitches, anna: Account, sqlite: Database, tmp_path: Path
):
    clip = uri(video(tmp_path), "video/mp4")
    job = stitches.submit(anna, submission(clip, clip, metadata={"for": "anna"}))
    assert (job.kind, str(job.state), job.price, job.metadata) == (
        "stitch",
        "queued",
        0,
        {"for": "anna"},
    )
    sources = [part["source"] for part in job.request["clips"]]
    assert sources[0] == sources[1]
    assert sources[0].startswith(f"{KEPT}{anna.id}/")
    with sqlite.read() as conn:
        assert [event.kind for event in events.read(conn, job.id, 0)] == ["queued"]
        assert store.get(conn, job.id, anna.id) == job


def test_what_is_queued_can_be_joined(stitches: Stitches, anna: Account, tmp_path: Path):
    """The job's row is all that a worker gets."""
    job = stitches.submit(anna, submission(*[uri(video(tmp_path), "video/mp4")] * 2))
    stitch = read(job.request)
    kept = stitches.sources.uploads.store  # type: ignore[attr-defined]

    def fetch(source: str) -> Path:
        path = tmp_path / "fetched.mp4"
        path.write_bytes(b"".join(kept.open(source.removeprefix(KEPT))))
        return path

    made = join(stitch, fetch_clips(stitch, fetch), tmp_path)
    assert made.result["num_frames"] == 5 + 5 - 1


def test_every_clip_that_cannot_be_had_is_named(
    stitches: Stitches, anna: Account, sqlite: Database
):
    sources = ["018f0000-0000-7000-8000-000000000000", uri(picture(), "image/png"), "clip.mp4"]
    with pytest.raises(RequestRefused) as refused:
        stitches.submit(anna, submission(*sources))
    assert [p.field for p in refused.value.problems] == [f"clips.{i}.source" for i in range(3)]
    with sqlite.read() as conn:
        assert counts(conn, anna.id).queued == 0


def test_a_wrong_stitch_fetches_nothing(stitches: Stitches, anna: Account):
    with pytest.raises(RequestRefused) as refused:
        stitches.submit(anna, Submission({"clips": [{"source": "no such", "speed": 0}]}))
    assert refused.value.codes == ("speed_out_of_range",)
    with pytest.raises(RequestRefused) as refused:
        stitches.submit(anna, submission("x", count=2))
    assert refused.value.problems[0].field == "count"


def test_one_key_one_job(stitches: Stitches, anna: Account, tmp_path: Path):
    clip = uri(video(tmp_path), "video/mp4")
    first = stitches.submit(anna, submission(clip, idempotency_key="k"))
    assert stitches.submit(anna, submission(clip, idempotency_key="k")).id == first.id
    with pytest.raises(Conflict):
        stitches.submit(anna, submission(clip, clip, idempotency_key="k"))
