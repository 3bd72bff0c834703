"""The simple dialect's fields, under the names that clients use for them."""

from typing import Any

import pytest

from ltxserve.api.simple.bodies import PRESET, read
from ltxserve.catalog import load_catalog
from ltxserve.errors import RequestRefused


def test_the_preset_holds_the_specified_defaults():
    values = load_catalog().preset(PRESET).values
    assert values["model"] == "ltxv-2b-0.9.5"
    assert (values["height"], values["width"], values["num_frames"]) == (480, 704, 121)
    assert (values["guidance_scale"], values["num_inference_steps"], values["fps"]) == (
        3.0,
        40,
        25.0,
    )
    assert (values["stg_scale"], values["guidance_rescale"], values["stg_blocks"]) == (
        1.0,
        0.7,
        [19],
    )
    assert values["negative_prompt"].startswith("worst quality")


def test_all_names_are_understood():
    asked = read(
        {
            "prompt": "x",
            "steps": "8",
            "stg_rescale": 0.7,
            "stg_layers": "19",
            "stg_mode": "attention_values",
            "frame_rate": 25,
            "seed": "-1",
            "colour": 1,
        }
    )
    assert asked.request == {
        "prompt": "x",
        "num_inference_steps": 8,
        "guidance_rescale": 0.7,
        "stg_blocks": [19],
        "fps": 25,
        "seed": None,
    }
    assert asked.ignored == ("colour",)


@pytest.mark.parametrize(
    ("layers", "blocks"), [(19, [19]), ("3, 4", [3, 4]), ([19], [19]), ("[1]", [1]), ("x", "x")]
)
def test_layers(layers: Any, blocks: Any):
    assert read({"prompt": "x", "stg_layers": layers}).request["stg_blocks"] == blocks


def test_an_image_becomes_the_first_frame():
    assert read({"prompt": "x", "image_url": "https://x/a.png"}).request["conditions"] == [
        {"source": "https://x/a.png", "frame": 0}
    ]
    raw = read({"prompt": "x", "image": "A" * 600}).request["conditions"][0]["source"]
    assert raw.startswith("data:application/octet-stream;base64,AAA")


def test_another_stg_mode_is_refused():
    with pytest.raises(RequestRefused):
        read({"prompt": "x", "stg_mode": "residual"})
