"""What tests ask a worker for: small clips, and ids that no two jobs share."""

from __future__ import annotations

import itertools
from typing import Any

SMALL: dict[str, Any] = {"width": 128, "height": 128, "num_frames": 9, "steps": 2}
_ids = itertools.count(1)


def asked(prompt: str = "a ball", **more: Any) -> dict[str, Any]:
    """An input for a clip that costs nothing."""
    return {"prompt": prompt, **SMALL, **more}


def new_id() -> str:
    """An id as RunPod makes them."""
    return f"job-{next(_ids)}-u1"
