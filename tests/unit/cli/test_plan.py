"""`ltxserve plan`: a dry run for people and for machines."""

import json
from pathlib import Path

from typer.testing import CliRunner

from ltxserve.cli import app
from ltxserve.cli.plan import guidance
from ltxserve.engine.plan import Guidance
from ltxserve.media.encode import write_video
from tests.unit.media.samples import moving_clip, target


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["plan", *words], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    return result.output


def test_people_see_what_would_run():
    text = run("a [red] ball", "--size", "300x200", "--steps", "4", "--image", "a.png@-1")
    assert "a [red] ball" in text
    assert "generated 320x224 and crop" in text
    assert "a.png at frame 48" in text
    assert "denoise" in text


def test_machines_get_the_whole_plan():
    data = json.loads(run("a ball", "--json", "--seed", "7", "--no-audio"))
    assert (data["model"], data["seed"], data["generate_audio"]) == ("tiny", 7, False)
    assert data["memory"]["peak"] > 0


def test_a_line_for_generate_can_be_planned_as_it_is(tmp_path: Path):
    """The suffix says the format; nothing is written."""
    out = tmp_path / "a.gif"
    data = json.loads(run("a ball", "-o", str(out), "--json"))
    assert (data["output"]["format"], data["generate_audio"]) == ("gif", False)
    assert not out.exists()


def test_what_a_clip_is_made_from(tmp_path: Path):
    source = tmp_path / "a.mp4"
    clip = moving_clip(25, 128, 128)
    write_video([clip], target(source, clip), None)
    text = run("a ball", "--extend", str(source), "--extend-seconds", "1", "--no-join")
    assert "24 frames more at its end" in text
    assert "24 frames at 24 fps" in text
    text = run("a ball", "--retake", str(source), "--retake-start", "0.4", "--retake-end", "0.6")
    assert "frames 9 to 16 anew (video and audio)" in text
    data = json.loads(run("a ball", "--video-to-video", str(source), "--strength", "0.5", "--json"))
    assert data["sigmas"][0] == 0.5
    assert data["deliver"]["num_frames"] == 25


def test_adapters_of_the_camera_and_of_the_caller():
    text = run("a ball", "--model", "ltx-2-19b-dev", "--camera", "jib-up", "--lora", "x/a.pt@0.5")
    assert "camera-jib-up at 1, a.pt at 0.5" in text


def test_stages_of_an_upscaled_clip_and_the_adapter_of_the_second_pass():
    words = ("--model", "ltx-2-19b-dev", "--size", "720p", "--seconds", "2")
    text = run("a ball", *words, "--upscale-spatial")
    assert "distilled-19b at 1 in pass 2" in text
    assert "40 + 3" in text
    assert text.index("upscale_spatial") < text.index("decode_video")


def test_warnings_are_shown():
    assert "warning:" in run("a ball", "--fps", "12")


def test_guidance_names_what_is_on():
    assert guidance(Guidance(3.0, 0.0, (), 0.0, 1.0)) == "scale 3"
    assert guidance(Guidance(1.0, 0.0, (), 0.0, 1.0)) == ""
