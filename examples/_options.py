"""What every example takes: --out, where to write, and --quick, a tiny clip; runs nothing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QUICK: dict[str, Any] = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 2}


@dataclass(frozen=True)
class Options:
    """Where to write, and request fields that make a clip small (none without --quick)."""

    out: Path
    size: dict[str, Any] = field(default_factory=dict[str, Any])


def read(words: Sequence[str] | None, about: str | None, out: str) -> Options:
    """Read the command line (None = this process's own); `out` is the default in out/examples."""
    parser = argparse.ArgumentParser(description=about)
    where = Path("out/examples") / out
    parser.add_argument("--out", type=Path, default=where, help="file or folder to write")
    parser.add_argument("--quick", action="store_true", help="a tiny clip, in a second")
    given = parser.parse_args(words)
    return Options(given.out, dict(QUICK) if given.quick else {})
