"""Decides how a video is gone on from: frames to add, context, segments; opens no file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from ltxserve.catalog import ModelSpec
from ltxserve.engine import geometry
from ltxserve.engine.findings import Findings, at_most, show
from ltxserve.engine.geometry import FRAME_STEP
from ltxserve.engine.plan.nouns import PlannedExtend, Segment
from ltxserve.types import Extend

MAX_SEGMENTS = 8
"""Runs that one extension may take; beyond it colours and things drift too far to be of use."""
CONTEXT_SECONDS = 2.0


@dataclass(frozen=True)
class _Rules:
    """fps: of the clip. step: frames of context are a multiple of 8, and one more at the end of a
    source. limit: frames that the model makes in one run."""

    fps: float
    limit: int
    extra: int

    def context(self, frames: float) -> int:
        """The most context that is not above `frames`."""
        return int(frames - self.extra) // FRAME_STEP * FRAME_STEP + self.extra


def plan_extend(
    asked: Extend, fps: float, spec: ModelSpec, findings: Findings
) -> PlannedExtend | None:
    """An extension in segments, or None with the reason in `findings`.

    After the end of a source, its last 8n+1 frames are the context, because the video VAE keeps
    the first frame for itself and folds every further 8; before its start, its first 8n.
    """
    at_end = asked.direction == "end"
    rules = _Rules(fps, geometry.frame_limit(fps, spec.limits), 1 if at_end else 0)
    context = _context(asked, rules, findings)
    added = _added(asked, fps, findings)
    if context is None or added is None:
        return None
    wish = CONTEXT_SECONDS if asked.context is None else asked.context
    segments = _segments(added, context, wish * fps, rules)
    if segments is None:
        most = _most_added(context, wish * fps, rules)
        findings.problem(
            "extension_invalid",
            f"{show(added)} frames are to be added.",
            f"With this context, {spec.name} adds at most {most} ({at_most(most / fps)}).",
            "extend.seconds" if asked.num_frames is None else "extend.num_frames",
        )
        return None
    if len(segments) > 1:
        findings.warn(
            f"The extension is made in {len(segments)} segments, each led by the end of the one"
            " before it: colours and things may drift."
        )
    if asked.source_frames is None and asked.join:
        findings.warn("The source was not looked at: it is taken to be as long as its context.")
    return PlannedExtend(
        source=asked.source,
        direction=asked.direction,
        join=asked.join,
        added=added,
        source_frames=asked.source_frames,
        segments=segments,
    )


def delivered(planned: PlannedExtend) -> int:
    """Frames of the clip that the caller gets."""
    if not planned.join:
        return planned.added
    source = planned.source_frames
    return planned.added + (planned.segments[0].context if source is None else source)


def _added(asked: Extend, fps: float, findings: Findings) -> int | None:
    if asked.seconds is None and asked.num_frames is None:
        findings.problem(
            "extension_invalid",
            "Nothing says how much is to be added.",
            "Give seconds or num_frames.",
            "extend.seconds",
        )
        return None
    if asked.seconds is not None and asked.num_frames is not None:
        findings.problem(
            "conflicting_fields",
            "Both seconds and num_frames say how much is to be added.",
            "Give one of them.",
            "extend.num_frames",
        )
        return None
    by_time = asked.num_frames is None
    frames = round((asked.seconds or 0.0) * fps) if by_time else asked.num_frames or 0
    if frames < 1:
        findings.problem(
            "extension_invalid",
            f"{show(asked.seconds if by_time else frames)} is nothing to add.",
            "Add at least one frame.",
            "extend.seconds" if by_time else "extend.num_frames",
        )
        return None
    return frames


def _context(asked: Extend, rules: _Rules, findings: Findings) -> int | None:
    have, least = asked.source_frames, rules.context(FRAME_STEP)
    if have is not None and have < least:
        findings.problem(
            "source_too_short",
            f"The source has {show(have)} frames.",
            f"Going on from it takes {least} at least.",
            "extend.source",
        )
        return None
    most = min(rules.limit - FRAME_STEP, rules.limit if have is None else have)
    if asked.context is None:
        return max(least, rules.context(min(CONTEXT_SECONDS * rules.fps, most)))
    wanted = asked.context * rules.fps
    if have is not None and 0 < have + 0.5 < wanted:
        findings.problem(
            "source_too_short",
            f"The context is {show(asked.context)} seconds, the source has {have / rules.fps:.2f}.",
            "Use a shorter context, or leave it out.",
            "extend.context",
        )
        return None
    if not 0 < wanted <= rules.limit - FRAME_STEP + 0.5:
        findings.problem(
            "extension_invalid",
            f"The context is {show(asked.context)} seconds.",
            f"Use more than 0 and {at_most((rules.limit - FRAME_STEP) / rules.fps)} at most.",
            "extend.context",
        )
        return None
    return max(least, rules.context(min(round(wanted), most)))


def _segments(added: int, context: int, wish: float, rules: _Rules) -> tuple[Segment, ...] | None:
    """Segments in the order in which they are made; None where they would be too many."""
    left, segments = added, list[Segment]()
    for longest in itertools.islice(_longest_segments(context, wish, rules), MAX_SEGMENTS):
        whole = geometry.frames_ceil(left + rules.extra) - rules.extra
        segments.append(Segment(longest.context, min(whole, longest.new)))
        left -= segments[-1].new
        if left <= 0:
            return tuple(segments)
    return None


def _most_added(context: int, wish: float, rules: _Rules) -> int:
    longest = itertools.islice(_longest_segments(context, wish, rules), MAX_SEGMENTS)
    return sum(segment.new for segment in longest)


def _longest_segments(context: int, wish: float, rules: _Rules) -> Iterator[Segment]:
    """As much as can be made each time. After a short source, later ones can have as much context
    as was wished for."""
    while True:
        segment = Segment(context, geometry.frames_floor(rules.limit) - context)
        yield segment
        most = min(wish, segment.num_frames, rules.limit - FRAME_STEP)
        context = max(context, rules.context(most))
