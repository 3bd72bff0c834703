"""Judges how the clip is to be written; writes nothing."""

from __future__ import annotations

from ltxserve.engine.findings import Findings, show
from ltxserve.types import Output

CRF_RANGE = {"mp4": (0, 51), "webm": (0, 63)}
SUFFIXES = ("mp4", "webm", "gif", "png")
_MAX_NAME = 200
_GIF_MAX_FPS = 50


def check_output(output: Output, fps: float | None, findings: Findings) -> None:
    """Check quality and file name; warn of what a format cannot carry."""
    span = CRF_RANGE.get(output.format)
    if output.crf is not None and span is None:
        findings.warn(f"crf has no effect on a {output.format}.")
    elif output.crf is not None and span and not span[0] <= output.crf <= span[1]:
        findings.problem(
            "output_invalid",
            f"crf is {show(output.crf)}.",
            f"Use {span[0]} (best) to {span[1]} for {output.format}.",
            "output.crf",
        )
    if output.format == "gif" and fps and fps > _GIF_MAX_FPS:
        findings.warn(f"GIF players show at most {_GIF_MAX_FPS} frames per second.")
    if output.file_name is not None:
        _check_name(output.file_name, output.format, findings)


def _check_name(name: str, format: str, findings: Findings) -> None:
    plain = name.strip() not in ("", ".", "..") and not set(name) & set('/\\:*?"<>|')
    if not plain or not name.isprintable() or len(name.encode()) > _MAX_NAME:
        findings.problem(
            "output_invalid",
            f"{show(name)} is not a plain file name.",
            f"Use a name without folders, for example clip.{format}.",
            "output.file_name",
        )
        return
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else format
    if suffix in SUFFIXES and suffix != format:
        findings.problem(
            "conflicting_fields",
            f"The file name ends in .{suffix}, the format is {format}.",
            f"Name it .{format}, or set output.format to {suffix}.",
            "output.file_name",
        )
