"""Clips from videos and to sounds on the real model: what is kept and what is new, in decibels."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ltxserve.engine.clip import Clip
from ltxserve.media.decode import read_sound, read_video
from ltxserve.media.frames import psnr
from tests.tiny import backend, engine, request
from tests.unit.engine.ways.given import tone, video

GUIDED = {"guidance_scale": 3.0, "stg_scale": 1.0, "modality_scale": 2.0}
OTHER = "a blue cube moves left on water"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """25 frames of a square that moves over a gradient, with a tone."""
    return video(tmp_path_factory.mktemp("source"))


def made(**fields: Any) -> Clip:
    """A clip whose size and length are its source's."""
    asked = request(prompt=OTHER, num_inference_steps=4, **fields)
    left = {"num_frames": None} if asked.num_frames == 9 else {}
    return engine().generate(asked.model_copy(update=left))


def round_trip(source: str) -> np.ndarray:
    """The source through the model's picture encoder and decoder."""
    vae = backend().pipeline.vae
    pixels = torch.from_numpy(read_video(source).frames).to(vae.dtype) / 127.5 - 1
    with torch.inference_mode():
        latents = vae.encode(pixels.permute(3, 0, 1, 2)[None]).latent_dist.mode()
        decoded = vae.decode(latents, return_dict=False)[0][0]
    back = ((decoded.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return back.permute(1, 2, 3, 0).numpy()


def test_strength_decides_how_much_of_a_video_stays(source: str):
    own, through = read_video(source).frames, round_trip(source)
    kept = []
    for strength in (0.0, 0.3, 1.0):
        clip = made(video_to_video={"source": source, "strength": strength})
        assert clip.frames.shape == own.shape
        kept.append(psnr(clip.frames, own))
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > psnr(through, own) - 1.0, "next to nothing is lost besides the round trip"
    assert kept[0] > kept[2] + 10
    assert kept[2] < 20


@pytest.mark.parametrize("guidance", [{}, GUIDED], ids=["plain", "guided"])
def test_a_retake_changes_its_range_alone(source: str, guidance: dict[str, float]):
    own, sound = read_video(source).frames, read_sound(source).samples
    clip = made(retake={"source": source, "start": 0.4, "end": 0.6}, **guidance)
    each = [psnr(clip.frames[index], own[index]) for index in range(25)]
    assert each[:5] == [math.inf] * 5
    assert each[21:] == [math.inf] * 4
    assert max(each[9:17]) < 26
    assert clip.audio is not None
    rate, made_sound = clip.audio.sample_rate, clip.audio.samples
    first, last = round(0.4 * rate), round(0.6 * rate)
    assert np.array_equal(made_sound[:, :first], sound[:, :first])
    count = min(made_sound.shape[1], sound.shape[1])
    assert np.array_equal(made_sound[:, last:count], sound[:, last:count])
    assert np.abs(made_sound[:, first:last] - sound[:, first:last]).max() > 0.01


def test_a_given_sound_is_carried_and_heard_by_the_model(source: str, tmp_path: Path):
    sound = read_sound(source)
    clip = made(sound={"source": source, "start": 0.25}, num_frames=17)
    assert clip.audio is not None
    begin = round(0.25 * sound.sample_rate)
    count = clip.audio.num_samples
    assert count == round(17 / 24 * sound.sample_rate)
    assert np.array_equal(clip.audio.samples, sound.samples[:, begin : begin + count])
    silent = made(num_frames=17)
    assert psnr(clip.frames, silent.frames) < 60, "the picture is made with the sound in view"
    assert tone(17).num_samples == count


@pytest.mark.parametrize("direction", ["end", "start"])
def test_an_extension_keeps_the_source_and_goes_on_from_it(source: str, direction: str):
    own = read_video(source).frames
    clip = made(extend={"source": source, "num_frames": 8, "direction": direction})
    assert len(clip.frames) == 33
    kept = clip.frames[:25] if direction == "end" else clip.frames[8:]
    whole = slice(0, 21) if direction == "end" else slice(4, 25)
    assert np.array_equal(kept[whole], own[whole])
    # The frame next to the source is near it: what is new begins where the source ends.
    near, edge = (clip.frames[25], own[24]) if direction == "end" else (clip.frames[7], own[0])
    assert psnr(near, edge) > psnr(255 - near, edge) + 5
    assert psnr(near, edge) > 14


def test_a_chain_tells_of_its_drift(source: str):
    clip = made(extend={"source": source, "num_frames": 130, "context": 0.4})
    assert len(clip.frames) == 155
    assert [remark.partition(":")[0] for remark in clip.report.remarks] == [
        "Segment 1 of 2",
        "Segment 2 of 2",
    ]
    assert clip.audio is not None
    assert clip.audio.seconds == pytest.approx(155 / 24, abs=0.001)
