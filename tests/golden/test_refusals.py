"""What a caller sees when a request is refused, word for word: message, fix, field, code."""

import json
from pathlib import Path

import pytest

from ltxserve.cli import main
from tests.conftest import Golden

REQUESTS = {
    "impossible": {
        "prompt": "",
        "width": 250,
        "height": 256,
        "num_frames": 50,
        "seed": -1,
        "num_inference_steps": 0,
        "conditions": [{"source": "cat.txt", "frame": 900, "strength": 3}],
        "camera_motion": "barrel_roll",
        "output": {"file_name": "../clip.mp4"},
    },
    "misspelt": {"prompt": "a red ball", "num_frame": 49, "outptu": {}},
    "unknown-model": {"prompt": "a red ball", "model": "ltx-2-19b-destilled"},
}


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("name", REQUESTS)
def test_refusal(
    name: str, as_json: bool, tmp_path: Path, golden: Golden, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(REQUESTS[name]))
    with pytest.raises(SystemExit) as stop:
        main(["plan", "--request", str(file), *(["--json"] if as_json else [])])
    assert stop.value.code == 2
    shown = capsys.readouterr()
    text = shown.out if as_json else shown.err
    golden.check(f"refusals/{name}.{'json' if as_json else 'txt'}", text)
