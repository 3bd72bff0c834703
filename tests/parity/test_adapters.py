"""A transformer that wears adapters against Lightricks' own, with the same files fused into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ltxserve.engine.backends.diffusers.adapters.file import open_adapter, read_adapter
from ltxserve.engine.backends.diffusers.adapters.layers import Layers, live_shapes
from ltxserve.engine.backends.diffusers.adapters.worn import Use, wearing
from tests.parity.reference import (
    TRANSFORMER,
    both_made,
    error,
    ours,
    reference,
    theirs,
    weights,
    whole,
)
from tests.replicas.adapters import CAMERA, PROJECTION, adapter, layers
from tests.replicas.build import MODEL
from tests.replicas.folders import small_row

ROWS = {
    "ltx-2.0-small": "ltx-2-19b-dev",
    "ltx-2.3-small": "ltx-2.3-22b-dev",
    "ltx-2.5-small": "ltx-2.5-22b-dev",
}
MOST = 1e-5
FUSING = "ltx_core.loader.fuse_loras"
LOADER = "ltx_core.loader.primitives"
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def fused(name: str, files: list[tuple[Path, float]]) -> dict[str, torch.Tensor]:
    """The transformer's weights with adapters in them, by Lightricks' code, in float32."""
    state = reference(f"{LOADER}:StateDict")
    using = reference(f"{LOADER}:LoraStateDictWithStrength")
    renamed = reference("ltx_core.loader.sd_ops:LTXV_LORA_COMFY_RENAMING_MAP").apply_to_key

    def held(tensors: dict[str, torch.Tensor]) -> object:
        return state(tensors, CPU, 0, {torch.float32})

    rule = reference(f"{FUSING}:FuseRule")(
        torch.float32, lambda key, weight, deltas, model: {key: weight + deltas}
    )
    loras = [
        using(held({renamed(key): t for key, t in load_file(path).items()}), strength)
        for path, strength in files
    ]
    made = reference(f"{FUSING}:apply_loras")(held(weights(name, MODEL)), loras, rule)
    return made.sd


@pytest.mark.parametrize("name", ROWS)
def test_wearing_is_what_their_fusing_does(name: str, tmp_path: Path):
    # Their pipelines leave the text projection as it is; connectors are not this transformer's.
    every = {
        layer: shape
        for layer, shape in layers(whole(name)).items()
        if "connector" not in layer and not layer.startswith(PROJECTION)
    }
    files = [
        (adapter(layers(whole(name), *CAMERA)).save(tmp_path / "camera.safetensors"), 1.0),
        (adapter(every, seed=1).save(tmp_path / "every.safetensors"), 0.4),
    ]
    own, other = ours(name, "transformer"), theirs(name, TRANSFORMER, MODEL)
    parts = {"transformer": own}
    known = Layers.of(small_row(ROWS[name]), live_shapes(parts))
    uses = [Use(read_adapter(open_adapter(path, known)), by) for path, by in files]
    plain, _ = both_made(name, own, other)
    tensors = fused(name, files)
    other.load_state_dict({n: t for n, t in tensors.items() if n in other.state_dict()})
    with wearing(parts, uses, CPU):
        torch.manual_seed(0)
        made, wanted = both_made(name, own, other)
    for ours_, theirs_, before in zip(made, wanted, plain, strict=True):
        assert error(ours_, theirs_) < MOST
        assert error(before, theirs_) > 0.05
