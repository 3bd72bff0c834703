"""Decides the picture: what is delivered, what the model makes for it, and how it is fitted."""

from __future__ import annotations

from dataclasses import dataclass

from ltxserve.catalog import ModelSpec
from ltxserve.engine import geometry
from ltxserve.engine.findings import Findings, show
from ltxserve.engine.geometry import Size
from ltxserve.engine.plan.nouns import Fit
from ltxserve.types import GenerationRequest

_RATIO_TOLERANCE = 0.03
_EVEN_FORMATS = ("mp4", "webm")


@dataclass(frozen=True)
class Picture:
    """deliver: what the caller gets; generate: what the model's last pass makes;
    first: what its first pass makes (the same, where there is one pass)."""

    deliver: Size
    generate: Size
    first: Size
    fit: Fit


def plan_picture(
    request: GenerationRequest,
    spec: ModelSpec,
    two_stage: bool,
    findings: Findings,
    downscale: int = 1,
) -> Picture | None:
    """The picture's sizes, or None with the reason in `findings`.

    downscale: what the first pass sees of control videos is so many times smaller, and whole.
    """
    two_stage = two_stage or request.dfr is not None
    multiple = spec.limits.two_stage_multiple if two_stage else spec.limits.multiple
    multiple *= downscale
    deliver = _wanted(request, spec, multiple, findings)
    if deliver is None:
        return None
    if not _fits(deliver, request, spec, multiple, findings):
        return None
    scale = spec.sampling.first_pass_scale
    if scale < 1:
        # As Lightricks do: of the padded size, to which the last pass is scaled back.
        first = geometry.first_pass_size(geometry.cover(deliver, geometry.SIDE_STEP), scale)
        return Picture(deliver, (first[0] * 2, first[1] * 2), first, "scale")
    generate = geometry.cover(deliver, multiple)
    first = (generate[0] // 2, generate[1] // 2) if two_stage else generate
    return Picture(deliver, generate, first, "none" if generate == deliver else "crop")


def _wanted(
    request: GenerationRequest, spec: ModelSpec, multiple: int, findings: Findings
) -> Size | None:
    ratio = _ratio(request, findings)
    named = _named(request, ratio, findings)
    bad = {p.field for p in findings.problems}
    if bad & {"width", "height", "size", "aspect_ratio"}:
        return None
    if named:
        _agree(request, named, ratio, findings)
        return named
    width, height = request.width, request.height
    default = (spec.defaults.width, spec.defaults.height)
    if width is None and height is None:
        area = default[0] * default[1]
        limits = spec.limits
        return geometry.size_of_area(area, ratio, multiple, limits) if ratio else default
    shape = ratio or default[0] / default[1]
    full = (
        width if width is not None else _other((height or 1) * shape, ratio, multiple, spec),
        height if height is not None else _other((width or 1) / shape, ratio, multiple, spec),
    )
    _agree(request, full, ratio, findings)
    return full


def _other(side: float, ratio: float | None, multiple: int, spec: ModelSpec) -> int:
    """The side the request leaves open. One that follows from the caller's own ratio is not bent
    to the limits; one that follows from the model's default shape may be."""
    limits = spec.limits
    if ratio is None and side <= limits.max_side:
        return geometry.nearest_side(side, multiple, limits)
    return max(1, round(side / multiple)) * multiple


def _ratio(request: GenerationRequest, findings: Findings) -> float | None:
    if request.aspect_ratio is None:
        return None
    ratio = geometry.parse_ratio(request.aspect_ratio)
    if ratio is None:
        findings.problem(
            "size_invalid",
            f"{show(request.aspect_ratio)} is no aspect ratio from 1:8 to 8:1.",
            "Use for example 16:9, 9:16 or 1:1.",
            "aspect_ratio",
        )
    return ratio


def _named(request: GenerationRequest, ratio: float | None, findings: Findings) -> Size | None:
    if request.size is None:
        return None
    size = geometry.parse_size(request.size, ratio)
    if size is None:
        findings.problem(
            "size_invalid",
            f"{show(request.size)} is no size.",
            f"Use {', '.join(geometry.NAMED_SIZES)} or for example 1280x720.",
            "size",
        )
    return size


def _agree(request: GenerationRequest, size: Size, ratio: float | None, findings: Findings) -> None:
    for name, side in zip(("width", "height"), size, strict=True):
        own = getattr(request, name)
        if own is not None and own != side:
            findings.problem(
                "conflicting_fields",
                f"{name} is {show(own)}, but size {show(request.size)} means {side}.",
                f"Give size, or width and height: leave one out or set {name} to {side}.",
                name,
            )
    if ratio and size[1] > 0 and abs(size[0] / size[1] / ratio - 1) > _RATIO_TOLERANCE:
        derived = request.width is None or request.height is None
        if derived and request.size is None:
            return  # the free side was rounded to a multiple; that is as near as it gets
        findings.problem(
            "conflicting_fields",
            f"{show(size[0])}x{show(size[1])} is not {show(request.aspect_ratio)}.",
            "Leave aspect_ratio out, or give one side only.",
            "aspect_ratio",
        )


def _fits(
    deliver: Size, request: GenerationRequest, spec: ModelSpec, multiple: int, findings: Findings
) -> bool:
    limits = spec.limits
    field = "size" if request.size is not None else "width"
    if field == "width" and request.width is None:
        field = "height" if request.height is not None else "aspect_ratio"
    inside = all(limits.min_side <= side <= limits.max_side for side in deliver)
    if not inside or not geometry.is_legal(geometry.cover(deliver, multiple), multiple, limits):
        near = geometry.nearest_size(deliver, multiple, limits)
        findings.problem(
            "size_out_of_range",
            f"{spec.name} makes {limits.min_side} to {limits.max_side} pixels a side"
            f" and {limits.max_pixels} in all, not {show(deliver[0])}x{show(deliver[1])}.",
            f"The nearest size is {near[0]}x{near[1]}.",
            field,
        )
        return False
    if request.output.format in _EVEN_FORMATS and any(side % 2 for side in deliver):
        even = tuple(side + side % 2 for side in deliver)
        findings.problem(
            "size_not_divisible",
            f"{request.output.format} pictures have even sides, not {deliver[0]}x{deliver[1]}.",
            f"Use {even[0]}x{even[1]}.",
            field,
        )
        return False
    return True
