"""HTTP in, a real worker with the real built-in model behind it, and clips out."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from ltxserve.api.server import create_api
from ltxserve.app import App, create_app
from ltxserve.media.probe import probe
from ltxserve.settings import Settings
from tests.api.serving import listening, sample

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, App]]:
    """A service with one worker on the CPU, as `ltxserve serve` runs it."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("whole"), device="cpu"))
    app.start()
    try:
        with listening(create_api(app)) as port:
            yield f"http://127.0.0.1:{port}", app
    finally:
        app.close(grace=0.0)


def test_a_picture_and_a_prompt_become_a_clip(whole: tuple[str, App], tmp_path: Path):
    url, _ = whole
    picture = sample(tmp_path, "p.png").read_bytes()
    body = {
        "prompt": "a red ball moves right on grass",
        "width": 128,
        "height": 128,
        "num_frames": 17,
        "seed": 5,
    }
    with httpx.Client(base_url=url, timeout=120) as client:
        upload = client.post("/api/uploads", files={"file": ("p.png", picture)}).json()["id"]
        body["conditions"] = [{"source": upload}]
        job = client.post("/api/generations", json=body).json()
        kinds: list[str] = []
        with client.stream("GET", job["links"]["events"]) as answer:
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    kinds.append(line.removeprefix("event: "))
        assert kinds[:2] == ["queued", "running"]
        assert {"progress", "preview"} <= set(kinds)
        assert kinds[-1] == "succeeded"
        done = client.get(job["links"]["self"]).json()
        assert (done["seed"], done["error"]) == (5, None)
        path = tmp_path / "clip.mp4"
        path.write_bytes(client.get(done["artifacts"]["video"]["url"]).content)
    found = probe(path).video
    assert found is not None
    assert (found.width, found.height, found.num_frames) == (128, 128, 17)


def test_openais_client_makes_remixes_and_extends(whole: tuple[str, App], tmp_path: Path):
    url, _ = whole
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client:
        first = client.videos.create_and_poll(
            prompt="a red ball moves right on grass",
            model="tiny",
            size="128x128",  # pyright: ignore[reportArgumentType]
            seconds="0.7",  # pyright: ignore[reportArgumentType]
        )
        assert first.status == "completed", first.error
        remix = client.videos.poll(client.videos.remix(first.id, prompt="a blue ball").id)
        assert remix.status == "completed", remix.error
        movie = client.videos.download_content(first.id).read()
        longer = client.videos.extend(
            prompt="a red ball",
            seconds="1",  # pyright: ignore[reportArgumentType]
            video=("v.mp4", io.BytesIO(movie)),
        )
        longer = client.videos.poll(longer.id)
        assert longer.status == "completed", longer.error
        assert float(longer.seconds) > float(first.seconds) + 0.9
        path = tmp_path / "longer.mp4"
        path.write_bytes(client.videos.download_content(longer.id).read())
    assert abs(probe(path).seconds - float(longer.seconds)) < 0.1


def test_a_running_job_is_cancelled_within_steps(whole: tuple[str, App]):
    url, _ = whole
    body = {"prompt": "a red ball", "width": 256, "height": 256, "num_inference_steps": 50}
    with httpx.Client(base_url=url, timeout=120) as client:
        job = client.post("/api/generations", json=body).json()
        last: dict[str, object] = {}
        with client.stream("GET", job["links"]["events"]) as answer:
            for line in answer.iter_lines():
                if line.startswith("event: progress"):
                    client.post(job["links"]["cancel"])
                if line.startswith("data: "):
                    last = json.loads(line.removeprefix("data: "))
        assert last["kind"] == "cancelled"
        done = client.get(job["links"]["self"]).json()
        assert done["state"] == "cancelled"
        assert (done["progress"]["step"] or 0) < 50
