"""A prompt, pictures and keyword arguments as a request; it runs nothing."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ltxserve.catalog import Catalog
from ltxserve.engine.plan import parse_request, read_request
from ltxserve.errors import Problem, RequestRefused
from ltxserve.types import Condition, GenerationRequest

Picture = str | Path | Image.Image | npt.NDArray[np.uint8]
"""Path, http(s) URL, data URI, PIL image, or uint8 array (height, width, 3)."""

_KEPT_MODES = ("RGB", "RGBA", "L", "LA", "P")
_CHANNELS = (3, 4)


def request_of(
    prompt: str,
    image: Picture | None = None,
    last_image: Picture | None = None,
    fields: Mapping[str, Any] | None = None,
    catalog: Catalog | None = None,
) -> GenerationRequest:
    """A request for a clip with, if wanted, its first and last picture.

    fields: any field of GenerationRequest; `conditions` come behind the pictures.
    Raises RequestRefused with one problem per field that cannot be read; with a catalog, also with
    what is wrong with the rest.
    """
    more = dict(fields or {})
    given = [
        {"source": source_of(picture, name), "frame": frame}
        for name, picture, frame in (("image", image, 0), ("last_image", last_image, -1))
        if picture is not None
    ]
    own = more.pop("conditions", ())
    if isinstance(own, Iterable) and not isinstance(own, (str, Mapping)):
        own = [item.model_dump() if isinstance(item, Condition) else item for item in own]
        own = [*given, *own]
    data = {"prompt": prompt, "conditions": own, **more}
    return parse_request(data) if catalog is None else read_request(data, catalog)


def source_of(picture: Picture, name: str = "image") -> str:
    """A picture as a request's source: a path or URI as it is, pixels as a PNG data URI.

    Raises RequestRefused `source_invalid` for an array of another type or shape; `name` is the
    argument it names.
    """
    if isinstance(picture, (str, Path)):
        return str(picture)
    pixels = _from_array(picture, name) if isinstance(picture, np.ndarray) else picture
    file = io.BytesIO()
    kept = pixels if pixels.mode in _KEPT_MODES else pixels.convert("RGB")
    kept.save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _from_array(array: npt.NDArray[Any], name: str) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in _CHANNELS:
        problem = Problem(
            "source_invalid",
            f"An array of {array.dtype} {array.shape} is no picture.",
            "Give RGB uint8 (height, width, 3).",
            name,
        )
        raise RequestRefused([problem])
    return Image.fromarray(array)
