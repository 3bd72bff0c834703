"""What a job's `input` may say: the worker's own words beside the fields of our request; pure.

Knows names and types only. Whether values are possible is the plan's to say; both kinds of
problems end up in one refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ltxserve.engine.findings import Findings
from ltxserve.engine.plan.parse import UNREAD_PROMPT, problems_of, readable, unknown_field
from ltxserve.engine.plan.sanity import sane
from ltxserve.engine.plan.ways import FROM_VIDEO
from ltxserve.errors import MAX_PROBLEMS, Problem, RequestRefused
from ltxserve.runpod.words import (
    ALIASES,
    DETAILER,
    FRAMES,
    MAX_DEPTH,
    MAX_PROMPTS,
    NATIVE,
    SOURCES,
    Extras,
    S3Target,
)
from ltxserve.service.sources import lora_paths
from ltxserve.types import Control

_PARTS = {"s3": S3Target, "control": Control}


@dataclass
class Reading:
    """What was read, and all that is wrong with it so far.

    request: fields of our request. names: our field -> the caller's word for it, where they differ.
    is_open: whether the model is known, without which the rest cannot be judged.
    """

    extras: Extras
    request: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    is_open: bool = True

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompt of each clip."""
        return self.extras.prompts or (str(self.request.get("prompt", "")),)

    @property
    def upload_urls(self) -> tuple[str, ...]:
        """Where files are PUT to, one for each."""
        return self.extras.upload_url or ()

    def say(self, code: str, message: str, hint: str, name: str | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(code, message, hint, name))

    def refuse(self, problems: tuple[Problem, ...] = ()) -> None:
        """Raise RequestRefused with every problem, in the caller's words, if there is one."""
        found = dict.fromkeys((*self.problems, *problems))
        if found:
            raise RequestRefused(self._named(problem) for problem in found)

    def _named(self, problem: Problem) -> Problem:
        place = problem.field or ""
        for ours, theirs in self.names.items():
            if place == ours or place.startswith(f"{ours}."):
                rest = place.removeprefix(ours) if "." in theirs else ""
                return Problem(problem.code, problem.message, problem.hint, theirs + rest)
        return problem


def unwrapped(given: Any) -> Mapping[str, Any]:
    """The innermost input; the SDK's client wraps an empty one twice. Raises RequestRefused."""
    while isinstance(given, Mapping) and set(given) == {"input"}:
        given = given["input"]
    if not isinstance(given, Mapping):
        hint = 'Send {"input": {"prompt": "..."}}.'
        raise RequestRefused([Problem("invalid_field", "The input is no object.", hint, "input")])
    if _is_deep(given):
        message, hint = "The input is nested too deeply.", "No field needs so many levels."
        raise RequestRefused([Problem("invalid_field", message, hint, "input")])
    return given


def _is_deep(given: Any) -> bool:
    """Whether there are more levels than any field has: they would exhaust what reads them."""
    level = [given]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, (Mapping, list, tuple))
            for inner in (item.values() if isinstance(item, Mapping) else item)
        ]
    return bool(level)


def read(given: Mapping[str, Any]) -> Reading:
    """An input as far as it can be read; `refuse` says what is wrong with it."""
    words = {str(name): value for name, value in given.items() if value is not None}
    problems: list[Problem] = []
    names: dict[str, str] = {}
    for alias in [name for name in words if name in ALIASES]:
        _rename(words, alias, names, problems)
    unknown = [name for name in words if name not in NATIVE and name not in Extras.model_fields]
    known = sorted({*NATIVE, *Extras.model_fields, *ALIASES})
    problems += [unknown_field((name,), known) for name in unknown[:MAX_PROBLEMS]]
    extras = _extras({k: v for k, v in words.items() if k in Extras.model_fields}, problems)
    reading = Reading(extras, {k: v for k, v in words.items() if k in NATIVE}, names, problems)
    if any(name in words and getattr(extras, name) is None for name in ("prompts", "stitch")):
        reading.request.setdefault("prompt", UNREAD_PROMPT)  # what is wrong there is said
    _prompts(reading, is_joining=bool((extras.stitch or {}).get("clips")))
    _structure(reading)
    _sources(reading)
    _toggles(reading)
    reading.problems += lora_paths(reading.request)
    return reading


def _rename(
    words: dict[str, Any], alias: str, names: dict[str, str], problems: list[Problem]
) -> None:
    value, ours = words.pop(alias), ALIASES[alias]
    if alias == "camera" and isinstance(value, str):
        value = value.strip().lower().replace(" ", "_").replace("-", "_")
    if ours in words and words[ours] != value:
        both = f"{names.get(ours, ours)} and {alias} differ."
        problems.append(Problem("conflicting_fields", both, "Give one of the two.", alias))
        return
    words[ours] = value
    names.setdefault(ours, alias)


def _extras(words: dict[str, Any], problems: list[Problem]) -> Extras:
    try:
        findings = Findings()
        extras = sane(Extras.model_validate(words), findings)
        problems += findings.problems
        return extras
    except ValidationError as error:
        problems += problems_of(error, Extras, _PARTS)
        bad = {str(item["loc"][0]) for item in error.errors(include_url=False)}
    return _extras({name: value for name, value in words.items() if name not in bad}, problems)


def _structure(reading: Reading) -> None:
    """Judge the request's own fields; bad ones are left out, so that the rest can be planned."""
    rest, problems = readable(reading.request)
    reading.is_open = not (set(reading.request) - set(rest)) & {"model", "preset"}
    reading.request = rest
    reading.problems += problems


def _prompts(reading: Reading, is_joining: bool) -> None:
    prompts = reading.extras.prompts
    if is_joining:
        reading.request.setdefault("prompt", UNREAD_PROMPT)
        return
    if prompts is None:
        return
    if "prompt" in reading.request:
        message = "There is a prompt and a list of prompts."
        reading.say("conflicting_fields", message, "Give one of the two.", "prompts")
    if not 1 <= len(prompts) <= MAX_PROMPTS:
        message = f"There are {len(prompts)} prompts."
        reading.say("invalid_field", message, f"Give 1 to {MAX_PROMPTS}.", "prompts")
    reading.request["prompt"] = prompts[0] if prompts else UNREAD_PROMPT
    reading.names["prompt"] = "prompts"


def _sources(reading: Reading) -> None:
    """Pictures become conditions, videos and sounds what the clip is made from."""
    extras, request = reading.extras, reading.request
    strength = {} if extras.strength is None else {"strength": extras.strength}
    found: dict[str, str] = {}
    made: list[dict[str, Any]] = []
    for name, kind in SOURCES.items():
        given = getattr(extras, name)
        if not given:
            continue
        if kind in found or kind in request:
            message = f"{found.get(kind, kind)} and {name} are the same source."
            reading.say("conflicting_fields", message, "Give one of the two.", name)
            continue
        found[kind] = name
        source = {"source": _as_source(given, name.endswith("_base64"))}
        if kind in FRAMES:
            reading.names[f"conditions.{len(made)}"] = name
            made.append({**source, "frame": FRAMES[kind], **strength})
        else:
            reading.names[kind] = name
            request[kind] = source if kind == "sound" else {**source, **strength}
    if made:
        own = request.get("conditions") or ()
        for number in range(len(own)):
            reading.names[f"conditions.{number + len(made)}"] = f"conditions.{number}"
        request["conditions"] = [*made, *own]
    _check_mode(reading)


def _as_source(source: str, is_base64: bool) -> str:
    """Bare base64 as a data URI, so that every part after this one sees the same kinds."""
    if source[:8].lower().startswith(("data:", "http://", "https://")):
        return source
    # Only base64 is that long; anything shorter is refused later as what it is.
    if is_base64 or len(source) > 512:
        return f"data:application/octet-stream;base64,{source}"
    return source


def _check_mode(reading: Reading) -> None:
    mode, request = reading.extras.mode, reading.request
    pictured = bool(request.get("conditions"))
    filmed = [name for name in FROM_VIDEO if request.get(name) is not None]
    if mode == "t2v" and (pictured or filmed):
        message = "The mode is t2v, but there is a picture or video."
        reading.say("conflicting_fields", message, "Use i2v or v2v, or leave mode out.", "mode")
    elif mode == "i2v" and not pictured:
        message = "The mode is i2v, but there is no picture."
        reading.say("conflicting_fields", message, "Give image_url or image_base64.", "mode")
    elif mode == "v2v" and not (filmed or pictured):
        message = "The mode is v2v, but there is no video."
        reading.say("conflicting_fields", message, "Give video_url or video_base64.", "mode")


def mode_of(reading: Reading) -> str:
    """t2v, i2v or v2v as said; else by what the clip is made from."""
    request = reading.request
    if reading.extras.mode:
        return reading.extras.mode
    filmed = next((name for name in FROM_VIDEO if request.get(name) is not None), "")
    if filmed:
        return "v2v" if filmed == "video_to_video" else filmed
    if request.get("conditions"):
        return "i2v"
    return "a2v" if request.get("sound") is not None else "t2v"


def _toggles(reading: Reading) -> None:
    extras, request = reading.extras, reading.request
    if extras.spatial_upscaler or extras.temporal_upscaler:
        given = dict(request.get("upscale") or {})
        given.setdefault("spatial", extras.spatial_upscaler)
        given.setdefault("temporal", extras.temporal_upscaler)
        request["upscale"] = given
        for side in ("spatial", "temporal"):
            if getattr(extras, f"{side}_upscaler"):
                reading.names[f"upscale.{side}"] = f"{side}_upscaler"
    if extras.detailer:
        _add(reading, "loras", "detailer", {"name_or_path": DETAILER})
    if extras.control is not None:
        _add(reading, "controls", "control", extras.control.model_dump())
    if extras.output_format:
        output = dict(request.get("output") or {})
        output.setdefault("format", extras.output_format)
        request["output"] = output


def _add(reading: Reading, field: str, word: str, item: dict[str, Any]) -> None:
    """Put an item behind those of a list of the request; problems name it by the caller's word."""
    own = reading.request.get(field) or ()
    reading.names[f"{field}.{len(own)}"] = word
    reading.request[field] = [*own, item]
