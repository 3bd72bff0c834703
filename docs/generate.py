"""Writes docs/reference from the code, or with --check says which pages differ from it.

Knows how to show tables; every fact comes from errors, settings, types, the catalog and the CLI.
"""

import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer.main

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.cli import app
from ltxserve.engine.plan.memory import estimate_default
from ltxserve.errors import CODES
from ltxserve.settings import PREFIX, Settings
from ltxserve.types import (
    AutoLength,
    Condition,
    Control,
    Dfr,
    Extend,
    GenerationRequest,
    GivenSound,
    LoraUse,
    Noun,
    Output,
    Retake,
    Upscale,
    VideoToVideo,
)

HOME = Noun.__module__
REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `make docs` from the code; a test compares them. Do not edit. -->"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; cells may hold anything but line breaks."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def page(title: str, lead: str, *blocks: str) -> str:
    """One reference page: title, one sentence, blocks."""
    return "\n".join([f"# {title}", "", NOTE, "", lead, "", "\n".join(blocks)])


def errors() -> str:
    rows = ([f"`{code}`", meaning] for code, meaning in CODES.items())
    return page(
        "Error codes",
        "Every code that ltxserve reports; codes keep their meaning, new ones are only added.",
        table(["code", "meaning"], rows),
    )


def settings() -> str:
    said = explained(Settings)
    rows = [
        [
            f"`{field.validation_alias or PREFIX + name.upper()}`",
            f"`{shown_type(field.annotation)}`",
            shown_default(field.default),
            said.get(name, ""),
        ]
        for name, field in Settings.model_fields.items()
    ]
    return page(
        "Settings",
        f"Environment variables; an unknown `{PREFIX}` variable is refused, with the nearest name.",
        table(["variable", "values", "default", "meaning"], rows),
    )


def request() -> str:
    made_from = (VideoToVideo, Retake, Extend, GivenSound)
    parts = (AutoLength, Dfr, Condition, LoraUse, Control)
    nouns = (GenerationRequest, *parts, *made_from, Upscale, Output)
    return page(
        "The request",
        "Every field a request can have; unknown fields are refused.",
        *(section(noun) for noun in nouns),
    )


def section(noun: type[Noun]) -> str:
    """One part of the request: what its docstring says, then its fields."""
    said = explained(noun)
    told = {f"{name}: {meaning}" for name, meaning in said.items()}
    doc = inspect.cleandoc(noun.__doc__ or "").splitlines()
    lead = "\n".join(line for line in doc if line not in told).strip()
    rows = [
        [f"`{name}`", f"`{shown_type(field.annotation)}`", shown_field(field), said.get(name, "")]
        for name, field in noun.model_fields.items()
    ]
    head = ["field", "type", "default", "meaning"]
    if not said:
        head, rows = head[:3], [row[:3] for row in rows]
    return f"## {noun.__name__}\n\n{lead}\n\n{table(head, rows)}"


def models() -> str:
    catalog = load_catalog()
    rows = (model_row(spec) for spec in catalog.models.values())
    loras = (
        [f"`{lora.name}`", lora.kind, ", ".join(lora.base), lora.licence]
        for lora in catalog.loras.values()
    )
    return page(
        "Models",
        "What `src/ltxserve/catalog/` knows; `ltxserve models` adds what fits on your machine.",
        table(["model", "precision", "licence", "can do", "runs in this build"], rows),
        "## Adapters\n",
        table(["name", "kind", "for models", "licence"], loras),
        "## Presets\n",
        table(["name", "what"], ([f"`{p.name}`", p.title] for p in catalog.presets.values())),
    )


def model_row(spec: ModelSpec) -> list[str]:
    can = spec.supports
    abilities = {
        "image": can.image,
        "keyframes": can.keyframes,
        "video": can.video,
        "video to video": can.video_to_video,
        "retake": can.retake,
        "extend": can.extend,
        "to a sound": can.audio_to_video,
        "sound": can.audio,
        "guidance": can.guidance,
        f"camera ({can.camera})": can.camera != "none",
        "loras": can.loras,
        "control " + "/".join(can.controls): bool(can.controls),
        "upscale": can.upscale_spatial or can.upscale_temporal,
    }
    able = ", ".join(name for name, yes in abilities.items() if yes)
    return [
        f"`{spec.name}`",
        spec.precision,
        f"[{spec.licence.title}]({spec.licence.url})",
        able,
        "yes" if spec.runs else "not yet",
    ]


def cli() -> str:
    root = typer.main.get_command(app)
    return page(
        "Commands",
        "Every command of `ltxserve` with its options; `ltxserve COMMAND --help` prints the same.",
        *commands(root, "ltxserve"),
    )


def commands(command: Any, path: str) -> list[str]:
    """The command's own section, then those of its subcommands."""
    options = [
        [", ".join(f"`{o}`" for o in (*p.opts, *p.secondary_opts)), value_of(p), help_of(p)]
        for p in command.params
        if not getattr(p, "hidden", False) and p.name != "help"
    ]
    help_text = " ".join((command.help or "").split())
    blocks = [f"## {path}\n\n{help_text}\n"]
    if options:
        blocks.append(table(["option", "value", "meaning"], options))
    for name, sub in sorted(getattr(command, "commands", {}).items()):
        if not sub.hidden:
            blocks += commands(sub, f"{path} {name}")
    return blocks


def value_of(parameter: Any) -> str:
    """What follows the option: nothing for a flag, else its metavar or type."""
    annotation = parameter.type_descriptor.annotation
    if annotation is bool:
        return ""
    return f"`{parameter.metavar or shown_type(annotation)}`"


def help_of(parameter: Any) -> str:
    text = " ".join((getattr(parameter, "help", None) or "").split())
    return f"{text} Required.".strip() if parameter.required else text


def explained(noun: type[Noun] | type[Settings]) -> dict[str, str]:
    """What the class says of its fields: docstring lines of the form `name: meaning`."""
    found = {}
    docs = [part.__doc__ or "" for part in reversed(noun.__mro__) if part.__module__ == HOME]
    for line in "\n".join(docs or [noun.__doc__ or ""]).splitlines():
        name, colon, meaning = line.strip().partition(": ")
        if colon and name in noun.model_fields:
            found[name] = meaning
    described = {n: f.description for n, f in noun.model_fields.items() if f.description}
    return found | described


def shown_type(annotation: Any) -> str:
    """A type as a reader writes it: choices by their values, classes by their names."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " | ".join(str(value) for value in inner)
    if origin in {typing.Union, types.UnionType}:
        return " | ".join(shown_type(part) for part in inner if part is not type(None))
    if origin in {tuple, list}:
        return f"list of {shown_type(inner[0])}"
    return "secret" if annotation.__name__ == "SecretStr" else annotation.__name__


def shown_field(field: Any) -> str:
    return "required" if field.is_required() else shown_default(field.default)


def shown_default(value: Any) -> str:
    if value is None or value == () or isinstance(value, Noun):
        return ""
    return f"`{value}`"


GPUS = (
    ("24 GB: RTX 4090, L4, A5000", "`ADA_24`, `AMPERE_24`", 23.5),
    ("48 GB: L40S, L40, A40, A6000", "`ADA_48_PRO`, `AMPERE_48`", 44.5),
    ("80 GB: H100, A100", "`ADA_80_PRO`, `AMPERE_80`", 79.0),
    ("141 GB: H200", "`HOPPER_141`", 139.0),
)
"""Cards by memory, RunPod's names of them, and the GiB that a process can use."""


def gpus() -> str:
    rows = [gpu_row(spec) for spec in load_catalog().models.values()]
    cards = ([name, pools, f"{usable:g} GiB"] for name, pools, usable in GPUS)
    return page(
        "Models and GPUs",
        "The memory that each model's default clip needs by the plan's estimate, and the smallest "
        "card that holds it. Larger clips need more: `ltxserve plan` says how much. "
        "fp8 runs as such on Ada, Hopper and Blackwell cards; elsewhere (A100, A6000) it saves "
        "memory only. fp4 and q4 save memory only, everywhere.",
        table(["model", "GiB", "card", "GiB with low_vram", "card with low_vram"], rows),
        table(["card", "RunPod's `gpuIds`", "usable"], cards),
    )


def gpu_row(spec: ModelSpec) -> list[str]:
    cells = [f"`{spec.name}`"]
    for low_vram in (False, True):
        needed = estimate_default(spec, low_vram).peak / 2**30
        card = next((name for name, _, usable in GPUS if needed <= usable), "several")
        cells += [f"{needed:.1f}", card.partition(":")[0]]
    return cells


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors,
    "settings.md": settings,
    "request.md": request,
    "models.md": models,
    "gpus.md": gpus,
    "cli.md": cli,
}


def main(words: list[str]) -> int:
    """Write every page, or with --check return 1 when one differs."""
    stale = []
    for name, render in PAGES.items():
        path, text = REFERENCE / name, render().rstrip() + "\n"
        if "--check" not in words:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        sys.stdout.write(f"docs/reference is behind the code (make docs): {', '.join(stale)}\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
