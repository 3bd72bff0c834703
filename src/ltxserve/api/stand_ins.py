"""Which model serves a dialect that names none, or names one of another service's.

A caller who names a model of the catalog gets it or a refusal. Where the server chose the model
(its own default, also for a name that only another service can have, or an alias that the operator
set), what was asked is fitted into that model's limits, and every change is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ltxserve.catalog import Catalog, ModelSpec
from ltxserve.catalog.weights.needs import locate
from ltxserve.catalog.weights.places import Places
from ltxserve.engine import geometry
from ltxserve.errors import ConfigurationError, LtxserveError

if TYPE_CHECKING:
    from ltxserve.app import App

_GUIDANCE = ("guidance_scale", "guidance_rescale", "modality_scale")
_STG = ("stg_scale", "stg_blocks")
FOREIGN = frozenset(
    {"sora-2", "sora-2-pro", "sora-2-2025-10-06", "sora-2-pro-2025-10-06", "sora-2-2025-12-08"}
)
"""Models that nobody but their own service can have (openai/types/video_model.py): clients that
name one, as all of that SDK's examples do, mean whatever this server makes clips with."""
_HUGE = 10**6
"""Beyond this, numbers are nobody's wish: the plan refuses them as they are."""


@dataclass(frozen=True)
class Chosen:
    """A request with its model settled, and what was changed to fit it."""

    request: dict[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StandIns:
    """The operator's choice: `default` serves those who name no model, `aliases` other names.

    places: where weights are looked for; a preset's model counts if its files are there. None =
    they are not looked for.
    """

    catalog: Catalog
    default: str = "tiny"
    aliases: Mapping[str, str] = field(default_factory=dict)
    places: Places | None = None

    def choose(self, request: Mapping[str, Any], preset: str | None = None) -> Chosen:
        """Settle the model of a request that was translated from a dialect.

        preset: the catalog's preset with the dialect's own model and values; it applies where
        the request names no model and the preset's runs here.
        """
        asked = request.get("model")
        rest = {key: value for key, value in request.items() if key != "model"}
        if asked is None and preset and self._runs(preset):
            return Chosen({"preset": preset, **rest})
        known = isinstance(asked, str) and (asked in self.aliases or asked in FOREIGN)
        if asked is not None and not known:
            return Chosen({"model": asked, **rest})
        name = self.default if asked is None else self.aliases.get(asked, self.default)
        spec = self.catalog.model(name)
        fitted, notes = fit(rest, spec)
        if asked in FOREIGN and asked not in self.aliases:
            notes = [f"{asked} is another service's model; {spec.name} makes the clip.", *notes]
        return Chosen({"model": spec.name, **fitted}, tuple(notes))

    def tells_length(self, model: str) -> bool:
        """Whether a model can choose a clip's length here: it has the part, and its file is here.

        False for a name that nobody knows: the plan refuses it.
        """
        try:
            spec = self.catalog.model(model)
        except LtxserveError:
            return False
        if not spec.supports.duration_head or self.places is None:
            return False
        return locate(spec, self.places).path("duration_head") is not None

    def _runs(self, preset: str) -> bool:
        spec = self.catalog.model(str(self.catalog.preset(preset).values["model"]))
        if not spec.runs or spec.weights or self.places is None:
            return spec.runs
        return not locate(spec, self.places).blocking


def stand_ins_of(app: App) -> StandIns:
    """The operator's choice, from the settings. Raises ConfigurationError `settings_invalid`."""
    aliases: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in app.settings.model_aliases.split(","))):
        name, equals, target = (word.strip() for word in entry.partition("="))
        if not (name and equals):
            raise _wrong("LTXSERVE_MODEL_ALIASES", f"{entry[:60]!r} is not NAME=MODEL.")
        aliases[name] = target
    for key, targets in (
        ("LTXSERVE_DEFAULT_MODEL", [app.settings.default_model]),
        ("LTXSERVE_MODEL_ALIASES", aliases.values()),
    ):
        for target in targets:
            try:
                app.catalog.model(target)
            except LtxserveError as error:
                raise _wrong(key, f"{error.message} {error.hint}") from None
    places = Places(configured=app.settings.models)
    return StandIns(app.catalog, app.settings.default_model, aliases, places)


def _wrong(key: str, message: str) -> ConfigurationError:
    return ConfigurationError("settings_invalid", message, f"Correct {key} or unset it.", key)


def fit(request: Mapping[str, Any], spec: ModelSpec) -> tuple[dict[str, Any], list[str]]:
    """A request within a model's limits, and a sentence for each change."""
    fitted = dict(request)
    notes: list[str] = []
    _fit_size(fitted, spec, notes)
    _fit_length(fitted, spec, notes)
    _fit_sampling(fitted, spec, notes)
    return fitted, notes


def _fit_size(request: dict[str, Any], spec: ModelSpec, notes: list[str]) -> None:
    size = _size_of(request)
    if size is None or not all(0 < side < _HUGE for side in size):
        return
    limits = spec.limits
    legal = all(limits.min_side <= side <= limits.max_side for side in size)
    if legal and geometry.is_legal(geometry.cover(size, limits.multiple), limits.multiple, limits):
        return
    near = geometry.nearest_size(size, limits.multiple, limits)
    for name in ("size", "aspect_ratio"):
        request.pop(name, None)
    request["width"], request["height"] = near
    notes.append(f"{spec.name} makes {near[0]}x{near[1]} instead of {size[0]}x{size[1]}.")


def _size_of(request: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height, size = (request.get(name) for name in ("width", "height", "size"))
    if isinstance(size, str) and width is None and height is None:
        return geometry.parse_size(size)
    if isinstance(width, int) and isinstance(height, int) and size is None:
        return width, height
    return None


def _fit_length(request: dict[str, Any], spec: ModelSpec, notes: list[str]) -> None:
    limits = spec.limits
    fps = request.get("fps") or spec.defaults.fps
    if not isinstance(fps, (int, float)) or not limits.min_fps <= fps <= limits.max_fps:
        return
    low, high = limits.min_frames, geometry.frame_limit(fps, limits)
    frames, seconds = request.get("num_frames"), request.get("seconds")
    if isinstance(frames, int) and 0 < frames < _HUGE:
        near = max(low, min(high, geometry.frames_nearest(frames)))
        if near != frames:
            request["num_frames"] = near
            notes.append(f"{spec.name} makes {near} frames instead of {frames}.")
    if isinstance(seconds, (int, float)) and high + 4 < min(seconds, _HUGE) * fps:
        request["seconds"] = high / fps
        notes.append(f"{spec.name} makes {high / fps:.2f} seconds instead of {seconds}.")


def _fit_sampling(request: dict[str, Any], spec: ModelSpec, notes: list[str]) -> None:
    steps, most = request.get("num_inference_steps"), spec.limits.max_steps
    if isinstance(steps, int) and steps > most:
        request["num_inference_steps"] = most
        notes.append(f"{spec.name} takes {most} steps instead of {steps}.")
    blocks = request.get("stg_blocks")
    if isinstance(blocks, (list, tuple)) and any(
        isinstance(block, int) and block >= spec.architecture.layers for block in blocks
    ):
        del request["stg_blocks"]
        notes.append(f"{spec.name} uses its own STG blocks.")
    able = spec.supports
    without = (
        (_GUIDANCE, able.guidance),
        (_STG, able.stg),
        (("negative_prompt",), able.negative_prompt),
        (("audio",), able.audio or not request.get("audio")),
    )
    for names, can in without:
        for name in names:
            if not can and request.pop(name, None) is not None:
                notes.append(f"{spec.name} has no {name}.")
