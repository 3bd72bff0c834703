"""What a finished clip's answer says of it; pure, it knows no place where clips go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ltxserve.engine.clip import ClipFile
from ltxserve.media.encode import measure_file
from ltxserve.media.stitch.run import Stitched
from ltxserve.service.packing import pack_frames


@dataclass(frozen=True)
class Made:
    """A clip, and what its `meta` says. meta is filled until the answer is given."""

    path: Path
    media_type: str
    meta: dict[str, Any]
    warnings: tuple[str, ...]


def of_clip(made: ClipFile, revision: str) -> Made:
    """A generated clip; PNG frames, which are a folder, become an archive. Raises MediaError."""
    path, media_type, sha256 = made.path, made.file.media_type, made.file.sha256
    if path.is_dir():
        path, media_type = pack_frames(path), "application/zip"
        sha256 = measure_file(path)[1]
    meta = {
        "seed": made.seed,
        **made.file.extent,
        "inference_seconds": round(made.report.seconds, 3),
        "timings": {name: round(seconds, 3) for name, seconds in made.timings.items()},
        "model": made.plan.model,
        "revision": revision,
        "sha256": sha256,
        "peak_memory": made.report.peak_memory,
    }
    return Made(path, media_type, meta, (*made.warnings, *made.report.remarks))


def of_stitch(done: Stitched, clips: Sequence[Made], seconds: float) -> Made:
    """Joined clips. clips: those that were generated for it. seconds: that joining took."""
    own = clips[0].meta if clips else {"seed": None}
    meta = {
        **own,
        **done.file.extent,
        "inference_seconds": round(sum(one.meta["inference_seconds"] for one in clips), 3),
        "timings": {"stitch": round(seconds, 3)},
        "clips": [{"seed": one.meta["seed"], "timings": one.meta["timings"]} for one in clips],
        "sha256": done.file.sha256,
    }
    warnings = [warning for one in clips for warning in one.warnings]
    whole = tuple(dict.fromkeys([*warnings, *done.warnings]))
    return Made(done.file.path, done.file.media_type, meta, whole)


def view(mode: str, made: Made, where: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of one clip. where: `video`, and `supabase` if it lies there."""
    return {
        "ok": True,
        "mode": mode,
        **where,
        "video_url": where["video"]["url"],
        "meta": made.meta,
        "warnings": list(made.warnings),
    }
