"""`ltxserve stitch`: clips become one file, with a progress bar; leaves no half file behind."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from ltxserve.cli.generate import free_name
from ltxserve.cli.request import load_object, refused_option
from ltxserve.errors import Problem, RequestRefused

if TYPE_CHECKING:
    from ltxserve.media.stitch.nouns import Stitch
    from ltxserve.media.stitch.run import Stitched

DEFAULT_NAME = "stitched"
_PART = re.compile(r"(?s)(?P<source>.+?)(?:@(?P<start>-?[\d.]*):(?P<end>-?[\d.]*))?")
_TRANSITION = re.compile(r"(?P<kind>\w+)(?::(?P<seconds>[\d.]+))?")


def stitch(
    clips: Annotated[
        list[str] | None,
        typer.Argument(
            help="Clips in order, each CLIP or CLIP@START:END in seconds.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write: .mp4 or .webm.", show_default=False),
    ] = None,
    request: Annotated[
        str | None,
        typer.Option("--request", "-r", help="A stitch as JSON file (- = stdin)."),
    ] = None,
    transition: Annotated[
        str | None,
        typer.Option(
            "--transition",
            "-t",
            metavar="KIND[:SECONDS]",
            help="Between all clips: cut, crossfade:0.5 or fade:1.",
        ),
    ] = None,
    audio_crossfade: Annotated[
        float | None,
        typer.Option("--audio-crossfade", help="Seconds of sound blended at each joint."),
    ] = None,
    loudness: Annotated[
        float | None, typer.Option("--loudness", help="LUFS of the whole sound, such as -14.")
    ] = None,
    width: Annotated[int | None, typer.Option("--width", "-W", help="Pixels.")] = None,
    height: Annotated[int | None, typer.Option("--height", "-H", help="Pixels.")] = None,
    fps: Annotated[float | None, typer.Option("--fps", help="Frames per second.")] = None,
    fit: Annotated[
        Literal["crop", "pad", "stretch"] | None,
        typer.Option("--fit", help="How clips of another shape are fitted."),
    ] = None,
    crf: Annotated[
        int | None, typer.Option("--crf", help="Quality of the file; smaller is better.")
    ] = None,
    audio: Annotated[
        bool | None, typer.Option("--audio/--no-audio", help="With or without sound.")
    ] = None,
    reencode: Annotated[
        bool | None, typer.Option("--reencode", help="Never copy the pictures' stream.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Join clips into one: cuts, crossfades or fades, one size and rate, sound in step."""
    data = load_object(request)
    if clips:
        data["clips"] = [read_clip(text) for text in clips]
    if transition is not None or audio_crossfade is not None:
        data["transition"] = {
            **data.get("transition", {}),
            **(read_transition(transition) if transition is not None else {}),
            **({} if audio_crossfade is None else {"audio_seconds": audio_crossfade}),
        }
    given = {
        "loudness": loudness,
        "width": width,
        "height": height,
        "fps": fps,
        "fit": fit,
        "audio": audio,
        "reencode": reencode,
    }
    data |= {name: value for name, value in given.items() if value is not None}
    if crf is not None:
        data["output"] = {**data.get("output", {}), "crf": crf}
    write(data, output, as_json=as_json, quiet=quiet)


def write(data: dict[str, Any], output: Path | None, *, as_json: bool, quiet: bool) -> None:
    """Join what `data` says and tell of it."""
    # Late: this loads the media libraries.
    from ltxserve.cli.bars import BarObserver
    from ltxserve.media.stitch.parse import parse_stitch
    from ltxserve.media.stitch.run import Writing, write_stitch
    from ltxserve.progress import NullObserver

    asked = parse_stitch(with_format(data, output))
    path = output or default_name(asked)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with (
        TemporaryDirectory() as folder,
        nullcontext(NullObserver()) if quiet or as_json else BarObserver(console) as observer,
    ):
        sources = [local_file(clip.source, Path(folder)) for clip in asked.clips]
        made = write_stitch(asked, sources, Writing(path, observer=observer))
    if as_json:
        typer.echo(json.dumps(summary(made), indent=2))
        return
    for warning in made.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)
    console.print(measured(made), markup=False)
    typer.echo(str(path))


def read_clip(text: str) -> dict[str, Any]:
    """A clip from CLIP or CLIP@START:END; a file whose own name looks like that comes first."""
    match = _PART.fullmatch(text)
    if match is None or match["start"] is None or Path(text).exists():
        return {"source": text}
    found: dict[str, Any] = {"source": match["source"]}
    for name in ("start", "end"):
        if match[name]:
            found[name] = _number(match[name], text)
    return found


def read_transition(text: str) -> dict[str, Any]:
    """A transition from KIND or KIND:SECONDS."""
    match = _TRANSITION.fullmatch(text)
    if match is None:
        raise refused_option("--transition", f"{text!r} is none.", "Write crossfade:0.5.")
    found: dict[str, Any] = {"kind": match["kind"]}
    if match["seconds"]:
        found["seconds"] = _number(match["seconds"], text)
    return found


def with_format(data: dict[str, Any], output: Path | None) -> dict[str, Any]:
    """The stitch's data with the format of the file's suffix."""
    asked = data.get("output")
    if output is None or not isinstance(asked, dict | None):
        return data
    suffix = output.suffix.lower().removeprefix(".")
    if suffix not in ("mp4", "webm"):
        problem = Problem(
            "output_invalid", f"{output.name} is no .mp4 or .webm.", "Name it so.", "output"
        )
        raise RequestRefused([problem])
    own = (asked or {}).get("format", suffix)
    if own != suffix:
        message = f"{output.name} is a {suffix}, the stitch asks for {own}."
        hint = "Leave the format out, or name the file by it."
        raise RequestRefused([Problem("conflicting_fields", message, hint, "output.format")])
    return {**data, "output": {**(asked or {}), "format": suffix}}


def default_name(asked: Stitch) -> Path:
    """A file name that is still free: the stitch's own, or stitched.mp4."""
    suffix = f".{asked.output.format}"
    own = asked.output.file_name or DEFAULT_NAME
    return free_name(Path(own if own.lower().endswith(suffix) else own + suffix))


def local_file(source: str, folder: Path) -> Path:
    """A source's file; what a data URI holds is put into `folder`.

    Raises MediaError for what does not exist and for URLs, which a service fetches.
    """
    from ltxserve.media.source import locate

    found = locate(source)
    if found.path is not None:
        return found.path
    path = folder / f"{len(list(folder.iterdir()))}.clip"
    path.write_bytes(found.data or b"")
    return path


def measured(made: Stitched) -> str:
    """A finished stitch in one line for people."""
    file = made.file
    sound = "with sound" if file.has_sound else "silent"
    if made.loudness is not None:
        sound += f" at {made.loudness:.1f} LUFS"
    how = "pictures copied without loss" if made.copied else "pictures encoded"
    return (
        f"{len(made.plan.parts)} clips, {file.width}x{file.height}, {file.num_frames} frames, "
        f"{file.seconds:.2f} s {sound}; {how}"
    )


def summary(made: Stitched) -> dict[str, Any]:
    """A finished stitch as JSON."""
    file = made.file
    return {
        "ok": True,
        "path": str(file.path),
        "media_type": file.media_type,
        "bytes": file.bytes,
        "sha256": file.sha256,
        **file.extent,
        "clips": len(made.plan.parts),
        "copied": made.copied,
        "loudness": made.loudness,
        "warnings": list(made.warnings),
    }


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        hint = "Write seconds as 1.5."
        raise refused_option("clips", f"{where!r}: {text!r} is no number.", hint) from None
