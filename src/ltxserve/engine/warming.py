"""Makes clips of declared sizes before anybody asks, so that the first caller waits for nothing."""

from __future__ import annotations

import logging
import time

from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request
from ltxserve.errors import OutOfMemory, RequestRefused

log = logging.getLogger(__name__)


def warm_sizes(engine: Engine, model: str) -> None:
    """Make one clip of every size that the engine's tuning names, and let it go.

    A size that the model cannot make, or for which memory runs out, is logged and passed over: a
    worker that can make others is of use. Raises what else keeps a model from making a clip.
    """
    for width, height, frames in engine.placement.tuning.warm_up:
        begun = time.monotonic()
        told = {"width": width, "height": height, "num_frames": frames}
        try:
            engine.generate(parse_request({**told, "prompt": "warm-up", "model": model, "seed": 0}))
        except (RequestRefused, OutOfMemory) as why:
            log.warning("no warm-up of %s at %dx%dx%d: %s", model, width, height, frames, why)
            continue
        took = time.monotonic() - begun
        log.info("%s is warm at %dx%dx%d after %.1f s", model, width, height, frames, took)
