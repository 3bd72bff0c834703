"""The official openai SDK as the client: every method of `client.videos`, and how users stray."""

import io
import warnings
from collections.abc import Iterator
from typing import Any, cast

import httpx
import openai
import pytest
from openai.types import Video

from ltxserve.api.continuing import EDIT_STRENGTH
from tests.api.serving import Served, sample

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

BODY: dict[str, Any] = {"prompt": "a red ball moves right", "model": "tiny"}
SMALL: Any = {"size": "128x128", "seconds": "0.375"}


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
def made(served: Served, client: openai.OpenAI) -> Any:
    """A finished video."""
    video = client.videos.create(**BODY, **SMALL)
    served.finish(video.id)
    return client.videos.retrieve(video.id)


def test_create_retrieve_and_download(served: Served, client: openai.OpenAI):
    video = client.videos.create(**BODY, **SMALL)
    assert (video.object, video.status, video.progress) == ("video", "queued", 0)
    assert (video.size, video.seconds, video.model, video.prompt) == (
        "128x128",
        "0.375",
        "tiny",
        BODY["prompt"],
    )
    job = served.start(video.id)
    served.progress(job, step=1, of=4, percent=25, eta_seconds=8)
    running = client.videos.with_raw_response.retrieve(video.id)
    assert running.headers["openai-poll-after-ms"] == "2000"
    assert (running.parse().status, running.parse().progress) == ("in_progress", 25)
    with served.app.database.begin() as conn:
        served.app.generations.endings.cancel(conn, job)
    ended = client.videos.retrieve(video.id)
    assert ended.status == "failed"
    assert ended.error is not None
    assert ended.error.code == "cancelled"


def test_create_and_poll(served: Served, client: openai.OpenAI):
    with served.working():
        video = client.videos.create_and_poll(**BODY, **SMALL)
    assert (video.status, video.progress) == ("completed", 100)
    assert video.completed_at
    assert video.expires_at


def test_all_variants_are_files_of_their_kind(served: Served, client: openai.OpenAI, made: Any):
    plain = client.videos.download_content(made.id).read()
    assert plain[4:8] == b"ftyp"
    assert client.videos.download_content(made.id, variant="video").read() == plain
    for variant in ("thumbnail", "spritesheet"):
        picture = client.videos.download_content(made.id, variant=variant)
        assert picture.response.headers["content-type"].startswith("image/")
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.download_content(made.id, variant="audio")  # pyright: ignore[reportArgumentType]
    assert refused.value.param == "variant"


def test_an_unfinished_video_has_no_content(client: openai.OpenAI):
    video = client.videos.create(**BODY, **SMALL)
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.download_content(video.id)
    assert refused.value.code == "not_ready"


def test_a_failed_video_is_an_answer(served: Served, client: openai.OpenAI):
    video = client.videos.create(**BODY, **SMALL)
    served.fail(video.id)
    failed = client.videos.with_raw_response.retrieve(video.id)
    assert failed.status_code == 200
    error = failed.parse().error
    assert error is not None
    assert error.code == "out_of_memory"


def test_paging_through_all(served: Served):
    key = served.account("pages", price_list="free")
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=key) as mine:
        ids = [mine.videos.create(**BODY, **SMALL).id for _ in range(5)]
        assert [video.id for video in mine.videos.list(limit=2)] == ids[::-1]
        assert [video.id for video in mine.videos.list(limit=2, order="asc")] == ids
        page = mine.videos.list(limit=2)
        assert (page.has_more, page.last_id) == (True, ids[3])
        assert [video.id for video in mine.videos.list(after=ids[1], limit=9)] == ids[:1]


@pytest.mark.parametrize("state", ["queued", "finished"])
def test_delete(served: Served, client: openai.OpenAI, state: str):
    video = client.videos.create(**BODY, **SMALL)
    if state == "finished":
        served.finish(video.id)
    gone = client.videos.delete(video.id)
    assert (gone.id, gone.deleted, gone.object) == (video.id, True, "video.deleted")
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)


def test_a_file_as_reference(served: Served, client: openai.OpenAI):
    picture = sample(served.folder, "ref.png").read_bytes()
    video = client.videos.create(**BODY, **SMALL, input_reference=("ref.png", io.BytesIO(picture)))
    asked = served.job(video.id)["request"]
    assert len(asked["conditions"][0]["source"]) == 36


def test_a_reference_by_bracket_fields_and_json(served: Served, client: openai.OpenAI):
    with served.client() as plain:
        picture = sample(served.folder, "ref.png").read_bytes()
        upload = plain.post("/api/uploads", files={"file": ("a.png", picture)}).json()["id"]
        bracketed = client.videos.create(
            **BODY, **SMALL, extra_body={"input_reference": {"file_id": upload}, "seed": 5}
        )
        as_json = plain.post(
            "/v1/videos", json={**BODY, **SMALL, "input_reference": {"file_id": upload}, "seed": 5}
        )
        assert as_json.status_code == 200, as_json.text
        for video_id in (bracketed.id, as_json.json()["id"]):
            job = plain.get(f"/api/generations/{video_id}").json()
            assert job["request"]["conditions"][0]["source"] == upload
            assert job["seed"] == 5


def test_extra_fields_reach_the_engine(served: Served, client: openai.OpenAI):
    extra = {
        "num_inference_steps": 4,
        "negative_prompt": "grass",
        "metadata": {"shot": "1"},
        "output": {"format": "webm"},
    }
    video = client.videos.create(**BODY, **SMALL, extra_body=extra)
    job = served.job(video.id)
    assert (job["plan"]["num_inference_steps"], job["request"]["output"]["format"]) == (4, "webm")
    assert job["metadata"]["shot"] == "1"


def test_remix(served: Served, client: openai.OpenAI, made: Any):
    remix = client.videos.remix(made.id, prompt="a blue ball")
    assert (remix.remixed_from_video_id, remix.size, remix.prompt) == (
        made.id,
        "128x128",
        "a blue ball",
    )
    job = served.job(remix.id)
    way = job["request"]["video_to_video"]
    assert (way["source"], way["strength"]) == (made.id, EDIT_STRENGTH)
    assert (job["seed"], job["num_frames"]) == (served.job(made.id)["seed"], 9)


def posted(client: openai.OpenAI, path: str, **body: Any) -> Video:
    """What the SDK sends for a video by id: its own method cannot, as it takes it for a file."""
    return client.post(path, body=body, cast_to=Video)


def test_edit_by_id_and_by_file(served: Served, client: openai.OpenAI, made: Any):
    by_id = posted(client, "/videos/edits", prompt="a blue ball", video={"id": made.id})
    assert served.job(by_id.id)["request"]["video_to_video"]["source"] == made.id
    movie = client.videos.download_content(made.id).read()
    by_file = client.videos.edit(prompt="a blue ball", video=("v.mp4", io.BytesIO(movie)))
    assert (by_file.size, served.job(by_file.id)["num_frames"]) == ("128x128", 9)
    fields = {"prompt": (None, "a blue ball"), "video[id]": (None, made.id)}
    with served.client() as plain:
        bracketed = plain.post("/v1/videos/edits", files=fields)
    assert bracketed.status_code == 200, bracketed.text


def test_extend(served: Served, client: openai.OpenAI, made: Any):
    movie = client.videos.download_content(made.id).read()
    for video in (
        posted(client, "/videos/extensions", prompt="and on", seconds="1", video={"id": made.id}),
        client.videos.extend(
            prompt="and on", seconds=cast(Any, "1"), video=("v.mp4", io.BytesIO(movie))
        ),
    ):
        job = served.job(video.id)
        assert job["num_frames"] == 33
        assert float(video.seconds) == pytest.approx(33 / 24, abs=0.01)
        assert job["request"]["extend"]["source_frames"] == 9
    with pytest.raises(openai.BadRequestError) as refused:
        posted(client, "/videos/extensions", prompt="on", seconds="60", video={"id": made.id})
    assert refused.value.code == "extension_invalid"


@pytest.mark.parametrize(
    "video", [None, {}, {"id": "nothing"}, 5, {"id": "https://127.0.0.1/v.mp4"}]
)
def test_videos_that_are_not_there(client: openai.OpenAI, video: Any):
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as refused:
        posted(client, "/videos/edits", prompt="x", video=video)
    assert refused.value.code


def test_only_finished_videos_are_remixed(served: Served, client: openai.OpenAI):
    video = client.videos.create(**BODY, **SMALL)
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.remix(video.id, prompt="a blue ball")
    assert refused.value.code == "not_ready"
    with pytest.raises(openai.NotFoundError):
        client.videos.remix("0192f0c1-2345-7abc-8def-0123456789ab", prompt="x")


def test_characters_are_refused_clearly(served: Served, client: openai.OpenAI):
    movie = sample(served.folder, "video.mp4").read_bytes()
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create_character(name="Ann", video=("v.mp4", io.BytesIO(movie)))
    assert refused.value.code == "not_supported"
    with pytest.raises(openai.NotFoundError):
        client.videos.get_character("char_1")


def test_a_name_the_operator_gave_is_fitted(client: openai.OpenAI):
    video = client.videos.create(prompt="x", model="sora-2", size="1280x720", seconds="4")
    assert (video.model, video.seconds) == ("sora-2", "4")
    assert video.size == "480x288" or "x" in video.size
    assert any("1280x720" in note for note in video.to_dict()["warnings"])  # pyright: ignore
    assert client.videos.create(prompt="x").model == "tiny"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": "sora-9"}, "model", "unknown_model"),
        ({"seconds": "long"}, "seconds", "invalid_field"),
        ({"size": "huge"}, "size", "size_invalid"),
        ({"size": "1280x720"}, "size", "size_out_of_range"),
        ({"prompt": ""}, "prompt", "prompt_empty"),
        ({"extra_body": {"colour": "red"}}, "colour", "unknown_field"),
        (
            {"extra_body": {"input_reference": {"image_url": "http://127.0.0.1/a.png"}}},
            "input_reference",
            "url_refused",
        ),
    ],
)
def test_refusals_are_openais(client: openai.OpenAI, fields: dict[str, Any], param: str, code: str):
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(**{**BODY, **fields})
    assert (refused.value.code, refused.value.type) == (code, "invalid_request_error")
    assert (refused.value.param or "").startswith(param)


def test_a_wrong_key_and_an_unknown_address(served: Served):
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="ltx_wrong", max_retries=0) as wrong:
        with pytest.raises(openai.AuthenticationError) as refused:
            wrong.videos.retrieve("x")
        assert refused.value.code == "unauthorized"
    with served.client() as plain:
        answer = plain.get("/v1/nothing")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_delete_with_an_empty_json_body(served: Served, client: openai.OpenAI):
    video = client.videos.create(**BODY, **SMALL)
    answer = httpx.delete(
        f"{served.url}/v1/videos/{video.id}", headers={"content-type": "application/json"}
    )
    assert answer.json()["deleted"] is True


def test_models_are_listed(client: openai.OpenAI):
    assert "tiny" in {model.id for model in client.models.list()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert client.videos.list(limit=1).data
