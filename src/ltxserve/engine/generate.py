"""One call from a prompt to a clip, on an engine that stays loaded for the next call."""

from __future__ import annotations

import base64
import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ltxserve.engine.clip import Clip
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request
from ltxserve.progress import Observer
from ltxserve.types import Condition

Picture = str | Path | Image.Image | npt.NDArray[np.uint8]


@cache
def shared_engine() -> Engine:
    """The engine of `generate`: this machine's best device, the last model resident."""
    return Engine()


def generate(
    prompt: str,
    *,
    image: Picture | None = None,
    last_image: Picture | None = None,
    observer: Observer | None = None,
    **fields: Any,
) -> Clip:
    """Generate a clip from a prompt and, if wanted, its first and last picture.

    image, last_image: path, data URI, PIL image or uint8 array (height, width, 3).
    fields: any field of GenerationRequest, such as num_frames=49, seed=7 or width=384.
    Raises RequestRefused with every problem of the request, and what Engine.generate raises.
    """
    pictures = [(image, 0), (last_image, -1)]
    given = [
        Condition(source=source_of(picture), frame=frame).model_dump()
        for picture, frame in pictures
        if picture is not None
    ]
    more = [c.model_dump() if isinstance(c, Condition) else c for c in fields.pop("conditions", ())]
    request = parse_request({"prompt": prompt, "conditions": [*given, *more], **fields})
    return shared_engine().generate(request, observer)


def source_of(picture: Picture) -> str:
    """A picture as a request's source: a path or URI as it is, pixels as a PNG data URI."""
    if isinstance(picture, (str, Path)):
        return str(picture)
    pixels = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    file = io.BytesIO()
    pixels.convert("RGB").save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
