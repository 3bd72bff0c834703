"""Control videos through the whole engine, on replicas that wear an adapter of the right name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.engine import Engine
from ltxserve.errors import ModelUnavailable
from ltxserve.media.encode import write_video
from ltxserve.types import GenerationRequest
from tests import tiny
from tests.replicas.adapters import CAMERA, adapter, layers
from tests.replicas.folders import SIDE, catalog_with, small_row, write_row
from tests.unit.media.samples import moving_clip, target

NINETEEN, UNION = "ltx-2-19b-distilled", "ltx-2.3-22b-distilled-1.1"
THIRTEEN = "ltxv-13b-0.9.8-distilled"


def place(root: Path, row: ModelSpec, name: str, **told: str) -> None:
    """The replica of a row, and an adapter of this name that fits it."""
    made = write_row(root, row)
    lora = catalog_with(row).lora(name)
    adapter(layers(made, *CAMERA)).save(root / lora.repo / lora.file, **told)


def source(path: Path, width: int = 96, height: int = 96, count: int = 12) -> str:
    """A video of a bright square that moves."""
    clip = np.full((count, height, width, 3), 40, np.uint8)
    for number in range(count):
        left = width // 4 + 2 * number
        clip[number, height // 4 : height // 2, left : left + 24] = (220, 200, 90)
    write_video([clip], target(path, clip), None)
    return str(path)


def saved(path: Path) -> str:
    """A picture."""
    Image.fromarray(moving_clip(1, 96, 96)[0]).save(path)
    return str(path)


def asked(row: ModelSpec, *controls: dict[str, Any], **fields: Any) -> GenerationRequest:
    base = {"prompt": tiny.PROMPT, "model": row.name, "width": 2 * SIDE, "height": 2 * SIDE}
    steps = {"num_frames": 9, "num_inference_steps": 2, "seed": 1}
    return GenerationRequest.model_validate({**base, **steps, "controls": list(controls), **fields})


def away(one: tiny.Pixels, other: tiny.Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_the_clip_follows_and_the_next_one_does_not(tmp_path: Path):
    row, video = small_row(NINETEEN), source(tmp_path / "a.mp4")
    place(tmp_path, row, "ic-canny")
    with Engine(Placement("cpu", "float32", tmp_path), catalog_with(row)) as engine:
        plain = engine.generate(asked(row)).frames
        diary = tiny.Diary()
        led = engine.generate(asked(row, {"kind": "canny", "source": video}), diary).frames
        # An adapter alone is not it: the video itself decides.
        lora = [{"name_or_path": "ic-canny"}]
        worn = engine.generate(asked(row, loras=lora)).frames
        other = source(tmp_path / "b.mp4", 128, 96)
        elsewhere = engine.generate(asked(row, {"kind": "canny", "source": other})).frames
        bare = {"kind": "canny", "source": video, "compute": False}
        ready = engine.generate(asked(row, bare)).frames
        weak = {"kind": "canny", "source": video, "strength": 0.2}
        faint = engine.generate(asked(row, weak)).frames
        assert np.array_equal(engine.generate(asked(row)).frames, plain)
    assert diary.stages[:2] == ["read_conditions", "load"]
    assert diary.steps("encode_conditions") == [(0, 1), (1, 1)]
    clips = [plain, led, worn, elsewhere, ready, faint]
    apart = [away(a, b) for i, a in enumerate(clips) for b in clips[:i]]
    assert min(apart) > 0.1


def test_a_reference_of_half_the_size_with_a_picture_and_a_second_pass(tmp_path: Path):
    row, video = small_row(UNION), source(tmp_path / "a.mp4", count=5)
    place(tmp_path, row, "2.3-union-control", reference_downscale_factor="2")
    fields = {
        "conditions": [{"source": saved(tmp_path / "a.png")}],
        "width": 4 * SIDE,
        "height": 4 * SIDE,
    }
    control = {"kind": "pose", "source": video}
    with Engine(Placement("cpu", "float32", tmp_path), catalog_with(row)) as engine:
        plain = engine.generate(asked(row, upscale={"spatial": True}, **fields)).frames
        led = engine.generate(asked(row, control, upscale={"spatial": True}, **fields))
    assert led.frames.shape == (9, 4 * SIDE, 4 * SIDE, 3)
    assert away(plain, led.frames) > 0.1
    assert [len(stage.loras) for stage in led.report.plan.passes] == [1, 0]


def test_ltx_video_follows_in_its_first_pass(tmp_path: Path):
    row, video = small_row(THIRTEEN), source(tmp_path / "a.mp4")
    place(tmp_path, row, "ltxv-ic-canny")
    fields = {"width": 6 * SIDE, "height": 6 * SIDE, "num_inference_steps": None}
    control = {"kind": "canny", "source": video}
    with Engine(Placement("cpu", "float32", tmp_path), catalog_with(row)) as engine:
        plain = engine.generate(asked(row, **fields)).frames
        diary = tiny.Diary()
        made = engine.generate(asked(row, control, **fields), diary)
        worn = engine.generate(asked(row, loras=[{"name_or_path": "ltxv-ic-canny"}], **fields))
        ready = {"kind": "canny", "source": video, "compute": False}
        bare = engine.generate(asked(row, ready, **fields))
        picture = {"conditions": [{"source": saved(tmp_path / "a.png")}]}
        shown = engine.generate(asked(row, control, **picture, **fields))
        assert np.array_equal(engine.generate(asked(row, **fields)).frames, plain)
    assert diary.steps("encode_conditions") == [(0, 1), (1, 1)]
    assert [len(stage.loras) for stage in made.report.plan.passes] == [1, 0]
    clips = [plain, made.frames, worn.frames, bare.frames, shown.frames]
    assert min(away(a, b) for i, a in enumerate(clips) for b in clips[:i]) > 0.1


def test_files_that_want_another_size_are_asked(tmp_path: Path):
    row, video = small_row(NINETEEN), source(tmp_path / "a.mp4")
    place(tmp_path, row, "ic-depth", reference_downscale_factor="3")
    control = {"kind": "depth", "source": video}
    with Engine(Placement("cpu", "float32", tmp_path), catalog_with(row)) as engine:
        with pytest.raises(ModelUnavailable) as caught:
            engine.generate(asked(row, control))
        assert caught.value.code == "lora_unsupported"
        assert "multiples of 96" in caught.value.hint
        made = engine.generate(asked(row, control, width=192, height=96))
    assert made.frames.shape == (9, 96, 192, 3)
