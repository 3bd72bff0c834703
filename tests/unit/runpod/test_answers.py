"""What an answer says of a clip: C4's names, and what else is known."""

from __future__ import annotations

from pathlib import Path

from ltxserve.engine.engine import Engine
from ltxserve.media.stitch.nouns import Stitch, StitchClip
from ltxserve.media.stitch.run import Writing, write_stitch
from ltxserve.runpod.answers import of_clip, of_stitch, view
from tests.tiny import request
from tests.unit.engine.fakes import Loader


def test_a_clip_and_clips_that_were_joined(tmp_path: Path):
    engine = Engine(create=Loader())
    clips = [
        of_clip(engine.write(request(seed=seed), tmp_path / f"{seed}.mp4"), "r1") for seed in (1, 2)
    ]
    meta = clips[0].meta
    assert {"seed", "fps", "num_frames", "width", "height", "inference_seconds"} <= set(meta)
    assert (meta["revision"], meta["model"], meta["seed"]) == ("r1", "tiny", 1)
    assert clips[0].warnings == ("The fake is grey.",)

    stitch = Stitch(clips=tuple(StitchClip(source=str(clip.path)) for clip in clips))
    to = Writing(tmp_path / "both.mp4")
    joined = of_stitch(write_stitch(stitch, [clip.path for clip in clips], to), clips, 0.5)
    assert joined.meta["num_frames"] == 18
    assert [clip["seed"] for clip in joined.meta["clips"]] == [1, 2]
    assert joined.meta["timings"] == {"stitch": 0.5}
    assert joined.meta["sha256"] not in (meta["sha256"], clips[1].meta["sha256"])
    assert joined.warnings == ("The fake is grey.",)

    alone = of_stitch(write_stitch(stitch, [clip.path for clip in clips], to), [], 0.5)
    assert alone.meta["seed"] is None


def test_frames_are_packed(tmp_path: Path):
    made = of_clip(Engine(create=Loader()).write(request(), tmp_path / "frames"), "r1")
    assert (made.path.name, made.media_type) == ("frames.zip", "application/zip")


def test_a_view_repeats_the_link(tmp_path: Path):
    made = of_clip(Engine(create=Loader()).write(request(), tmp_path / "a.mp4"), "r1")
    shown = view("t2v", made, {"supabase": {}, "video": {"url": "https://x.example"}})
    assert list(shown) == ["ok", "mode", "supabase", "video", "video_url", "meta", "warnings"]
    assert shown["video_url"] == "https://x.example"
