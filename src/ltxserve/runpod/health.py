"""`python -m ltxserve.runpod.health`: whether a worker of this machine is warm and alive.

For a container's health check. A worker holds its folder from the moment its model is warm until
it ends, however that happens.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ltxserve.service.scratch import in_use


def check(root: Path | None = None) -> int:
    """The exit code: 0 for a worker that takes jobs, 1 for none."""
    return 0 if in_use(root) else 1


if __name__ == "__main__":
    sys.exit(check())
