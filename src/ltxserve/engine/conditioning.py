"""Where conditions act: pixel frames to latent places, and which are legal; opens no file.

A condition at frame 0 replaces the first latent frames; any other is a keyframe: extra tokens at
the time of its pixel frame. LTX-2's own code places keyframes at any pixel frame, and so do
plans (`frame`); `latent_index` is the latent frame that holds it. A model whose row says
`keyframe_grid = 8` takes keyframes at every 8th frame only: they are moved there, with a warning.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Literal

from ltxserve.catalog.spec import ModelSpec
from ltxserve.engine.findings import Findings, show
from ltxserve.engine.geometry import frames_floor, latent_index
from ltxserve.engine.sources import Kind, source_kind, source_problem
from ltxserve.types import Condition

Placement = Literal["replace", "keyframe"]


@dataclass(frozen=True)
class PlannedCondition:
    """A condition with its place in the clip.

    frame: pixel frame of the first pass's clip it starts at. latent_index: latent frame that holds
    it. placement: "replace" at frame 0, else "keyframe". num_frames: frames of a video source to
    use, 8n+1; None = as many as it has up to `max_frames`. crf: H.264 quality to re-compress a
    single image at (0 = leave it; video sources are left alone).
    """

    source: str
    kind: Kind
    frame: int
    latent_index: int
    placement: Placement
    strength: float
    num_frames: int | None
    max_frames: int
    crf: int


@dataclass(frozen=True)
class Timeline:
    """The clip conditions are placed in: frames that are delivered, and how many of those there
    are for one frame of the first pass (2 where a temporal upscaler follows, else 1)."""

    num_frames: int
    per_frame: int = 1

    @property
    def first_frames(self) -> int:
        """Frames of the first pass, where conditions act."""
        return (self.num_frames - 1) // self.per_frame + 1


def plan_conditions(
    conditions: tuple[Condition, ...], spec: ModelSpec, clip: Timeline, findings: Findings
) -> tuple[PlannedCondition, ...]:
    """Place every condition in a clip; problems go to `findings`."""
    if len(conditions) > spec.limits.max_conditions:
        findings.problem(
            "too_many_conditions",
            f"{len(conditions)} conditions.",
            f"{spec.name} takes at most {spec.limits.max_conditions}.",
            "conditions",
        )
        return ()
    found = [
        _place(condition, spec, clip, findings, f"conditions.{i}")
        for i, condition in enumerate(conditions)
    ]
    return _beside_each_other(tuple(item for item in found if item is not None), findings)


def _place(
    condition: Condition, spec: ModelSpec, clip: Timeline, findings: Findings, where: str
) -> PlannedCondition | None:
    before = len(findings.problems)
    kind = _check_source(condition, spec, findings, where)
    frame = _check_frame(condition.frame, spec, clip, findings, where)
    if not 0 <= condition.strength <= 1:
        findings.problem(
            "strength_out_of_range",
            f"The strength is {show(condition.strength)}.",
            "Use 0 (no effect) to 1 (keep the source as it is).",
            f"{where}.strength",
        )
    length = _check_length(condition, kind, clip.first_frames - frame, findings, where)
    if len(findings.problems) > before:
        return None
    if frame > 0 and not spec.supports.keyframes:
        findings.problem(
            "conditions_unsupported",
            f"{spec.name} is conditioned on its first frame only.",
            "Use frame 0, or a model with keyframes.",
            f"{where}.frame",
        )
        return None
    return PlannedCondition(
        source=condition.source,
        kind=kind,
        frame=frame,
        latent_index=latent_index(frame),
        placement="replace" if frame == 0 else "keyframe",
        strength=condition.strength,
        num_frames=length,
        max_frames=1 if kind == "image" else frames_floor(clip.first_frames - frame),
        crf=0 if kind == "video" else spec.sampling.conditioning_crf,
    )


def _check_source(condition: Condition, spec: ModelSpec, findings: Findings, where: str) -> Kind:
    field = f"{where}.source"
    bad = source_problem(condition.source)
    if bad:
        findings.problem("source_invalid", bad[0], bad[1], field)
        return "unknown"
    kind = source_kind(condition.source)
    if kind is None:
        findings.problem(
            "source_invalid",
            f"{show(condition.source)} is neither an image nor a video.",
            "Give a PNG, JPEG, WebP, GIF, MP4, WebM, MOV or MKV.",
            field,
        )
        return "unknown"
    able = {"image": spec.supports.image, "video": spec.supports.video}.get(kind, True)
    if not able:
        findings.problem(
            "conditions_unsupported",
            f"{spec.name} cannot be conditioned on a{'n' if kind == 'image' else ''} {kind}.",
            "Leave the condition out, or use another model.",
            field,
        )
    return kind


def _check_frame(
    frame: int, spec: ModelSpec, clip: Timeline, findings: Findings, where: str
) -> int:
    total = clip.num_frames
    at = frame + total if frame < 0 else frame
    if not 0 <= at < total:
        findings.problem(
            "frame_out_of_range",
            f"Frame {show(frame)} is outside a clip of {total} frames.",
            f"Use 0 to {total - 1}, or -1 (the last) to {-total}.",
            f"{where}.frame",
        )
        return 0
    at //= clip.per_frame
    grid = spec.limits.keyframe_grid
    snapped = min(round(at / grid) * grid, (clip.first_frames - 1) // grid * grid)
    if snapped != at:
        findings.warn(
            f"{spec.name} takes keyframes at every {grid}th frame: "
            f"the one at frame {at} was moved to frame {snapped}."
        )
    return snapped


def _check_length(
    condition: Condition, kind: Kind, room: int, findings: Findings, where: str
) -> int | None:
    wanted = condition.num_frames
    if kind == "image":
        if wanted not in (None, 1):
            findings.problem(
                "conflicting_fields",
                "num_frames is for videos, the source is an image.",
                "Leave num_frames out.",
                f"{where}.num_frames",
            )
        return 1
    if wanted is None:
        return None
    if wanted < 1:
        findings.problem(
            "num_frames_invalid",
            f"{show(wanted)} frames of the source.",
            "Use 1 or more, or leave num_frames out to use as many as fit.",
            f"{where}.num_frames",
        )
        return None
    used = frames_floor(min(wanted, room))
    if used != wanted:
        findings.warn(f"{where}: {used} of {show(wanted)} frames are used (8n+1, inside the clip).")
    return used


def _beside_each_other(
    planned: tuple[PlannedCondition, ...], findings: Findings
) -> tuple[PlannedCondition, ...]:
    """Conditions that claim no frame twice: a video whose length is open ends before the next."""
    ends = dict[int, int]()
    ordered = sorted(planned, key=lambda item: item.frame)
    for one, two in itertools.pairwise(ordered):
        if one.frame + (one.num_frames or 1) > two.frame:
            findings.problem(
                "frame_conflict",
                f"Two conditions claim frame {two.frame}.",
                "Keep one of them, or move one to another frame.",
                "conditions",
            )
        ends[one.frame] = two.frame
    return tuple(_up_to(ends.get(item.frame), item) for item in planned)


def _up_to(end: int | None, item: PlannedCondition) -> PlannedCondition:
    if end is None:
        return item
    room = frames_floor(end - item.frame)
    return dataclasses.replace(item, max_frames=min(item.max_frames, room))
