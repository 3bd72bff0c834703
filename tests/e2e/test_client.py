"""The client's whole way on the built-in model: generate, look, upload, join, fetch, measure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ltxserve.api.server import create_api
from ltxserve.app import create_app
from ltxserve.client import Client, Job
from ltxserve.errors import RequestRefused
from ltxserve.media.decode import read_video
from ltxserve.media.frames import psnr
from ltxserve.media.probe import probe
from ltxserve.settings import Settings
from tests.api.serving import listening

SMALL: dict[str, Any] = {"width": 128, "height": 128, "num_frames": 17, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of the service as `ltxserve serve` starts it."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("service"), device="cpu"))
    app.start()
    try:
        with listening(create_api(app)) as port, Client(f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        app.close(0)


def test_generate_with_a_local_picture(client: Client, tmp_path: Path):
    stages: list[str | None] = []

    def told(job: Job) -> None:
        stages.append(job.progress.stage)

    job = client.generate("a red ball moves right", seed=1, on_change=told, **SMALL)
    assert stages
    assert (job.state, job.seed, job.num_frames) == ("succeeded", 1, 17)
    clip = client.download(job, tmp_path / "a.mp4")
    video = probe(clip).video
    assert video is not None
    assert (video.width, video.height, video.num_frames) == (128, 128, 17)
    picture = client.download(job, tmp_path / "a.jpg", "thumbnail")
    again = client.generate(
        "a red ball moves right", seed=2, conditions=[{"source": picture}], **SMALL
    )
    assert again.state == "succeeded"
    assert [event.kind for event in client.events(again.id)][-1] == "succeeded"


def test_join_a_job_a_part_and_a_local_file(client: Client, tmp_path: Path):
    one = client.generate("a red ball", seed=1, **SMALL)
    two = client.generate("a blue square", seed=2, **SMALL)
    local = client.download(one, tmp_path / "local.mp4")
    parts = [one, {"source": two, "start_frame": 4, "end_frame": 12}, local]
    joined = client.stitch(parts, reencode=True)
    assert (joined.kind, joined.credits, joined.num_frames) == ("stitch", 0, 17 + 8 + 17)
    made = read_video(client.download(joined, tmp_path / "joined.mp4")).frames
    wanted = read_video(local).frames
    assert len(made) == 42
    assert psnr(made[:17], wanted) > 35
    assert psnr(made[25:], wanted) > 35
    assert psnr(made[17:25], wanted[4:12]) < 30


def test_what_the_clips_cannot_be_joined_to(client: Client):
    """Only the worker opens the clips; what it refuses arrives with its problems."""
    job = client.generate("a red ball", seed=1, **SMALL)
    with pytest.raises(RequestRefused) as refused:
        client.stitch([{"source": job, "start": 50}])
    assert refused.value.codes == ("trim_invalid",)
