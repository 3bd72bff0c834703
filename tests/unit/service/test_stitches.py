"""A stitch as the service sees it: judged when submitted, joined when its job runs."""

import json
from pathlib import Path

import pytest
from PIL import Image

from ltxserve.errors import Cancelled, LtxserveError, MediaError, RequestRefused, StorageError
from ltxserve.media.probe import probe
from ltxserve.progress import Progress
from ltxserve.service.stitches import Joined, fetch_clips, join, read
from tests.unit.media.samples import click
from tests.unit.media.stitch.material import clip, numbered


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "clips"
    folder.mkdir()
    sound = click(0.5, 2.0)
    return [clip(folder / f"{i}.mp4", numbered(48, 48 * i), sound) for i in range(2)]


def test_reading_refuses_everything_at_once():
    with pytest.raises(RequestRefused) as refused:
        read({"clips": [{"source": "a", "speed": 0}, {"source": "", "volume": -1}]})
    assert refused.value.codes == (
        "speed_out_of_range",
        "source_invalid",
        "volume_out_of_range",
    )
    assert read({"clips": [{"source": "a"}]}).clips[0].source == "a"


def test_each_source_is_fetched_once():
    stitch = read({"clips": [{"source": "a"}, {"source": "b"}, {"source": "a"}]})
    asked: list[str] = []

    def fetch(source: str) -> Path:
        asked.append(source)
        return Path(source)

    assert fetch_clips(stitch, fetch) == [Path("a"), Path("b"), Path("a")]
    assert asked == ["a", "b"]


def test_every_clip_that_cannot_be_had_is_named():
    stitch = read({"clips": [{"source": "a"}, {"source": "b"}, {"source": "a"}]})
    asked: list[str] = []

    def fetch(source: str) -> Path:
        asked.append(source)
        if source == "b":
            return Path("b")
        raise MediaError("media_not_found", f"{source} is not there.", "Check it.")

    with pytest.raises(RequestRefused) as refused:
        fetch_clips(stitch, fetch)
    assert [p.field for p in refused.value.problems] == ["clips.0.source", "clips.2.source"]
    assert asked == ["a", "b"], "what cannot be had was asked for again"


@pytest.mark.parametrize("error", [Cancelled(), StorageError("storage_unavailable", "A.", "B.")])
def test_what_says_nothing_of_a_clip_is_not_its_fault(error: LtxserveError):
    def fetch(source: str) -> Path:
        raise error

    with pytest.raises(type(error)):
        fetch_clips(read({"clips": [{"source": "a"}]}), fetch)


def test_a_job_makes_video_thumbnail_and_preview(tmp_path: Path, two: list[Path]):
    request = {
        "clips": [{"source": "a"}, {"source": "b", "start": 0.5}],
        "transition": {"kind": "crossfade", "seconds": 0.25},
    }
    made = join(read(request), two, tmp_path)
    assert isinstance(made, Joined)
    assert {name: kind for name, (_, kind) in made.files.items()} == {
        "video": "video/mp4",
        "thumbnail": "image/jpeg",
        "preview": "image/jpeg",
    }
    info = probe(made.files["video"][0])
    assert info.video is not None
    assert info.video.num_frames == made.result["num_frames"] == 48 + 36 - 6
    assert (made.result["seconds"], made.result["has_sound"]) == (78 / 24, True)
    with Image.open(made.files["thumbnail"][0]) as thumbnail:
        assert thumbnail.size == (128, 64)
    with Image.open(made.files["preview"][0]) as preview:
        assert preview.size == (4 * 132 - 4, 3 * 68 - 4)
    plan = json.loads(json.dumps(made.plan))
    assert plan["deliver"] == {"width": 128, "height": 64, "num_frames": 78, "fps": 24.0}
    assert [c["starts_at_frame"] for c in plan["clips"]] == [0, 42]


def test_a_cancelled_job_leaves_nothing(tmp_path: Path, two: list[Path]):
    def stop(progress: Progress) -> None:
        if progress.step == 10:
            raise Cancelled()

    stitch = read({"clips": [{"source": "a"}, {"source": "b"}], "reencode": True})
    with pytest.raises(Cancelled):
        join(stitch, two, tmp_path, stop)
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]
