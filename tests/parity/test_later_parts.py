"""Parts that came with LTX-2.5 against Lightricks' own classes, with the same weights, float32."""

import functools
import tempfile
from pathlib import Path
from typing import Any

import torch

from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
from ltxserve.engine.backends.diffusers.reading.layout import load_layout
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from tests.parity.reference import error, reference
from tests.replicas.build import Replica
from tests.replicas.parts import PARTS, part

MOST = 1e-5
HEAD = "ltx-2.5-duration-head-small"


@functools.cache
def whole(name: str) -> Replica:
    """A replica in float32."""
    return part(name, torch.float32)


def ours(name: str, role: str) -> Any:
    """Our part, read from the replica's file."""
    layout = next(p for p in load_layout("ltx-2.5").extras if p.roles == (role,))
    with tempfile.TemporaryDirectory() as folder:
        file = open_tensors(whole(name).save(Path(folder) / "w.safetensors"))
        return assemble(layout, [Source(role, file)], Choice(torch.float32))


def test_a_clips_length():
    kind = reference("ltx_core.duration_head.model_configurator:DurationHeadConfigurator")
    model = kind.from_metadata({"config": PARTS[HEAD].metadata}).eval()
    own = {n.removeprefix("duration_head."): t for n, t in whole(HEAD).tensors.items()}
    model.load_state_dict(own)
    torch.manual_seed(0)
    video, audio = torch.randn(3, 9, 128), torch.randn(3, 9, 64)
    head = ours(HEAD, "duration_head")
    with torch.inference_mode():
        for tokens in ((video, audio), (video, None), (None, audio)):
            assert error(head(*tokens), model(*tokens)) < MOST
