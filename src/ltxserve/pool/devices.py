"""Which GPUs this machine has, without a library that takes hold of them; knows no pool."""

from __future__ import annotations

import os
import shutil
import subprocess

_SECONDS = 20


def gpus() -> tuple[str, ...]:
    """NVIDIA GPUs as "cuda:<index or UUID>", those that CUDA_VISIBLE_DEVICES leaves in sight.

    The driver's own tool is asked: torch would be slow to load, and would keep memory on each.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        named = (part.strip() for part in chosen.split(","))
        return tuple(f"cuda:{part}" for part in named if part and part != "-1")
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    query = [tool, "--query-gpu=index", "--format=csv,noheader"]
    try:
        answer = subprocess.run(
            query, capture_output=True, text=True, timeout=_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(f"cuda:{line.strip()}" for line in answer.splitlines() if line.strip().isdigit())
