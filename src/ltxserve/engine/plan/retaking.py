"""Decides which frames of a video are made anew, and which the model sees for it; opens no file."""

from __future__ import annotations

from dataclasses import dataclass

from ltxserve.catalog import ModelSpec
from ltxserve.engine import geometry
from ltxserve.engine.findings import Findings, at_most, show
from ltxserve.engine.geometry import FRAME_STEP
from ltxserve.engine.plan.nouns import PlannedRetake
from ltxserve.types import Retake

_UNSEEN = 2**31
"""Frames that a source which was not looked at is taken to have at most."""


@dataclass(frozen=True)
class _Span:
    """Frames of the source from `first` to before `end`."""

    first: int
    end: int

    @property
    def count(self) -> int:
        return self.end - self.first


def plan_retake(
    asked: Retake, fps: float, spec: ModelSpec, findings: Findings
) -> PlannedRetake | None:
    """A retake, or None with the reason in `findings`.

    The model sees as much of the source around the range as it makes in one run. A source that was
    not looked at is taken to reach as far as the range.
    """
    if not asked.video and not asked.audio:
        findings.problem(
            "conflicting_fields",
            "Neither picture nor sound is to be made anew.",
            "Set retake.video or retake.audio.",
            "retake.video",
        )
    wanted = _range(asked, fps, findings)
    if wanted is None:
        return None
    have = asked.source_frames
    total = max(wanted.end, spec.defaults.num_frames) if have is None else have
    limit = geometry.frame_limit(fps, spec.limits)
    if wanted.end > total or wanted.count > limit:
        beyond = wanted.end > total
        findings.problem(
            "retake_range_invalid",
            f"{show(asked.start)} to {show(asked.end)} seconds "
            + ("reaches beyond the source." if beyond else "is more than one run makes."),
            f"The source lasts {total / fps:.3f} seconds ({total} frames)."
            if beyond
            else f"{spec.name} makes {at_most(limit / fps)} anew at once.",
            "retake.end",
        )
        return None
    count = min(limit, geometry.frames_ceil(max(total, spec.limits.min_frames)))
    window = _window(wanted, count, total)
    new = _whole_groups(wanted, window, total)
    if asked.video and new != wanted:
        findings.warn(
            f"Pictures are made anew in groups of {FRAME_STEP}: frames {new.first} to {new.end - 1}"
            f" ({new.first / fps:.2f} to {new.end / fps:.2f} seconds)."
        )
    return PlannedRetake(
        source=asked.source,
        start=asked.start,
        end=asked.end,
        first_frame=new.first,
        end_frame=new.end,
        video=asked.video,
        audio=asked.audio,
        source_frames=total,
        window=window.first,
        window_frames=count,
    )


def _range(asked: Retake, fps: float, findings: Findings) -> _Span | None:
    if asked.start < 0 or asked.end <= asked.start:
        findings.problem(
            "retake_range_invalid",
            f"{show(asked.start)} to {show(asked.end)} seconds is no range.",
            "Give a start of 0 or more and an end behind it.",
            "retake.end" if asked.start >= 0 else "retake.start",
        )
        return None
    if asked.end * fps >= _UNSEEN:
        findings.problem(
            "retake_range_invalid",
            f"{show(asked.end)} seconds is beyond every source.",
            "Give an end within the source.",
            "retake.end",
        )
        return None
    first = round(asked.start * fps)
    return _Span(first, max(first + 1, round(asked.end * fps)))


def _window(wanted: _Span, count: int, total: int) -> _Span:
    """The frames that the model sees: the range in the middle, as far as the source allows.

    Where there is a choice, so that a group of frames begins where the range does.
    """
    middle = (wanted.first + wanted.end) // 2
    first = max(0, min(middle - count // 2, total - count))
    back = (first - (wanted.first - 1)) % FRAME_STEP
    if total > count and first >= back and wanted.end <= first - back + count:
        first -= back
    return _Span(first, first + count)


def _whole_groups(wanted: _Span, window: _Span, total: int) -> _Span:
    """The range, widened to the frames of all latent frames that hold any of it."""
    low = geometry.latent_index(wanted.first - window.first)
    high = geometry.latent_index(wanted.end - 1 - window.first)
    first = (low - 1) * FRAME_STEP + 1 if low else 0
    return _Span(window.first + first, min(total, window.first + high * FRAME_STEP + 1))
