"""Options and files become one request; options win."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ltxserve.cli import app
from ltxserve.cli.options import OPTIONS
from ltxserve.cli.request import read_request, with_request
from ltxserve.errors import RequestRefused
from ltxserve.types import Condition, GenerationRequest, LoraUse


def test_every_field_of_a_request_has_an_option():
    covered = {option.field.split(".")[0] for option in OPTIONS} | {"prompt"}
    assert covered == set(GenerationRequest.model_fields)
    inner = {option.field for option in OPTIONS if "." in option.field}
    for noun in ("upscale", "output"):
        fields = type(getattr(GenerationRequest(prompt=""), noun)).model_fields
        assert {f"{noun}.{name}" for name in fields} <= inner


def test_options_fill_the_request():
    request = read_request(
        {
            "prompt": "a ball",
            "width": 384,
            "sigmas": "1.0, 0.5",
            "stg_blocks": "1,2",
            "output_format": "gif",
            "upscale_spatial": True,
            "audio": False,
            "image": ["a.png@-1:0.5", "b@x.png"],
            "video": ["http://h:80/c.mp4@9"],
            "lora": ["camera-static@0.5", "x.safetensors"],
            "control": ["canny=e=1.mp4@0.7", "canny:ready=edges.mp4"],
        }
    )
    assert request.conditions == (
        Condition(source="a.png", frame=-1, strength=0.5),
        Condition(source="b@x.png"),
        Condition(source="http://h:80/c.mp4", frame=9),
    )
    assert request.loras == (
        LoraUse(name_or_path="camera-static", strength=0.5),
        LoraUse(name_or_path="x.safetensors"),
    )
    assert (request.controls[0].source, request.controls[0].strength) == ("e=1.mp4", 0.7)
    assert [control.compute for control in request.controls] == [None, False]
    assert (request.sigmas, request.stg_blocks) == ((1.0, 0.5), (1, 2))
    assert (request.output.format, request.upscale.spatial, request.audio) == ("gif", True, False)
    assert request.width == 384


def test_options_win_over_the_file(tmp_path: Path):
    file = tmp_path / "r.json"
    file.write_text(
        json.dumps(
            {
                "prompt": "from the file",
                "seed": 1,
                "output": {"format": "gif", "crf": 3},
                "conditions": [{"source": "a.png"}],
            }
        )
    )
    request = read_request(
        {"request": str(file), "seed": 2, "output_format": "webm", "image": ["b.png@-1"]}
    )
    assert (request.prompt, request.seed) == ("from the file", 2)
    assert (request.output.format, request.output.crf) == ("webm", 3)
    assert [c.source for c in request.conditions] == ["a.png", "b.png"]


def test_a_file_may_come_from_stdin():
    words = ["plan", "--request", "-", "--json"]
    result = CliRunner().invoke(app, words, input='{"prompt": "piped"}')
    assert json.loads(result.output)["prompt"] == "piped"


@pytest.mark.parametrize("content", ["{", "[1]", None, '{"prompt": 1, "colour": 2}', b"\xff\xfe"])
def test_a_file_that_is_no_request_is_refused(tmp_path: Path, content: str | bytes | None):
    file = tmp_path / "r.json"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RequestRefused):
        read_request({"request": str(file)})


@pytest.mark.parametrize(
    "values",
    [
        {"prompt": "x", "sigmas": "1,big"},
        {"prompt": "x", "control": ["canny"]},
        {"prompt": "x", "control": ["heat=a.mp4"]},
        {"prompt": "x", "control": ["canny:done=a.mp4"]},
        {"prompt": "x", "image": ["a.png@1:1.2.3"]},
        {"prompt": "x", "output_format": "avi"},
    ],
)
def test_options_that_cannot_be_read_are_refused(values: dict[str, Any]):
    with pytest.raises(RequestRefused):
        read_request(values)


def test_an_empty_source_reaches_the_plan():
    assert read_request({"prompt": "x", "image": [""]}).conditions[0].source == ""


def test_a_verb_gets_the_request_and_its_own_options():
    def verb(request: GenerationRequest, times: int = 3) -> tuple[str, int]:
        """Doc."""
        return request.prompt, times

    wrapped = with_request(verb)
    assert wrapped(prompt="a", request=None, times=4) == ("a", 4)
    names = list(inspect.signature(wrapped).parameters)
    assert names[0] == "prompt"
    assert names[-1] == "times"
    assert (wrapped.__name__, wrapped.__doc__) == ("verb", "Doc.")
