"""Plans diffusion fidelity rendering: where stills lie, the tiles of rounds, the passes' shapes.

Lightricks' layout (ltx-pipelines 1.2.0, dfr_layout.py): the clip is padded to whole segments of 3
or 4 latent frames, whichever pads less; a still lies at the end of each. A round doubles the rate,
cuts the clip at stills into 2^round tiles, and makes new stills halfway between those it has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ltxserve.catalog import Catalog, ModelSpec
from ltxserve.catalog.spec import DfrPasses
from ltxserve.engine import geometry
from ltxserve.engine.findings import Findings
from ltxserve.engine.geometry import FRAME_STEP
from ltxserve.engine.loras import PlannedLora, planned_row
from ltxserve.engine.plan.length import MOST_ROUNDS, Length
from ltxserve.engine.plan.nouns import PlannedDfr, Stage
from ltxserve.engine.plan.picture import Picture
from ltxserve.engine.plan.sampling import guidance_of
from ltxserve.types import GenerationRequest, Shape

_EXCLUDED = ("video_to_video", "retake", "extend", "sound")


@dataclass(frozen=True)
class Rendering:
    """A plan's rendering, the passes it consists of, and the adapter of the second."""

    planned: PlannedDfr
    passes: DfrPasses
    loras: tuple[PlannedLora, ...]


def check_dfr(request: GenerationRequest, spec: ModelSpec, findings: Findings) -> None:
    """Refuse it where the model cannot, and what it cannot be combined with."""
    asked = request.dfr
    if asked is None:
        return
    if spec.sampling.dfr is None:
        findings.problem(
            "dfr_unsupported",
            f"{spec.name} makes no stills within a clip.",
            "Leave dfr out, or use ltx-2.5-22b-distilled.",
            "dfr",
        )
    if not 0 <= asked.rounds <= MOST_ROUNDS:
        findings.problem(
            "dfr_unsupported",
            f"{asked.rounds} rounds.",
            f"Use 0 to {MOST_ROUNDS}; each doubles the frame rate.",
            "dfr.rounds",
        )
    others = [name for name in _EXCLUDED if getattr(request, name) is not None]
    others += ["controls"] if request.controls else []
    others += [f"upscale.{k}" for k in ("spatial", "temporal") if getattr(request.upscale, k)]
    for name in others:
        findings.problem(
            "conflicting_fields",
            f"{name} and dfr cannot be combined.",
            "Ask for one of them.",
            "dfr",
        )


def plan_dfr(
    request: GenerationRequest, spec: ModelSpec, catalog: Catalog, length: Length | None
) -> Rendering | None:
    """How it is rendered; None where that is not asked for, or was refused."""
    asked, passes = request.dfr, spec.sampling.dfr
    if asked is None or passes is None or length is None:
        return None
    canvas, stills = layout(length.first_frames, passes.segments)
    frames, rounds = length.first_frames, round(math.log2(length.fps / length.first_fps))
    planned = PlannedDfr(frames, canvas, stills, rounds, passes.eta, asked.detail)
    worn: tuple[PlannedLora, ...] = ()
    if asked.detail:
        worn = (planned_row(catalog.lora(passes.adapter), passes.strength),)
    return Rendering(planned, passes, worn)


def layout(frames: int, segments: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """The padded number of frames, and the pixel frames of its stills.

    segments: lengths to choose from, in latent frames; the one that pads least, of two the longer.
    """
    content = max(frames - 1, FRAME_STEP)
    each = max((n * FRAME_STEP for n in segments), key=lambda n: (-(-content % n), n))
    count = math.ceil(content / each)
    return count * each + 1, tuple(each * number for number in range(1, count + 1))


def tiles(planned: PlannedDfr, round_number: int) -> tuple[int, int]:
    """How many tiles a round (from 1 on) has, and the frames of the largest."""
    segments = len(planned.stills) * 2 ** (round_number - 1)
    count = min(2**round_number, segments)
    each = 2 * planned.stills[0] // FRAME_STEP  # stills lie as far apart in every round
    own = math.ceil(segments / count) * each + 1
    # All but the first begin a segment and a frame earlier.
    latents = own if count == 1 else max(own, math.ceil((segments - 1) / count) * each + each + 1)
    return count, (latents - 1) * FRAME_STEP + 1


def dfr_stages(
    spec: ModelSpec,
    picture: Picture,
    length: Length,
    rendering: Rendering,
    first: tuple[Stage, ...],
) -> tuple[Stage, ...]:
    """The passes between the first one and decoding. first: the stages up to it."""
    planned, second = rendering.planned, spec.sampling.second_pass
    assert second is not None, "a model that renders so has a second pass"
    count = len(planned.stills)
    small = Shape(*picture.first, planned.canvas, length.first_fps)
    large = Shape(*picture.generate, planned.canvas, length.first_fps)
    stages = [_on_canvas(stage, small, count) for stage in first]
    shown = count * _frame(large) + (_tokens(small) if planned.detail else 0)
    guidance = guidance_of(second.guidance, second.stg_blocks)
    stages += [
        Stage("upscale_spatial", 1, large),
        Stage(
            "denoise", len(second.sigmas), large, second.sigmas, guidance, rendering.loras, shown
        ),
    ]
    frames, fps = planned.canvas, length.first_fps
    for number in range(1, planned.rounds + 1):
        frames, fps = geometry.doubled_frames(frames), fps * 2
        parts, largest = tiles(planned, number)
        steps = len(rendering.passes.sigmas) * parts
        tile = Shape(*picture.generate, largest, fps)
        beside = 2 * (largest // (2 * planned.stills[0]) + 1) * _frame(large)
        stages += [
            Stage("upscale_temporal", 1, Shape(*picture.generate, frames, fps)),
            Stage("denoise", steps, tile, rendering.passes.sigmas, guidance, (), beside),
        ]
    return tuple(stages)


def _on_canvas(stage: Stage, shape: Shape, stills: int) -> Stage:
    also = stills * _frame(shape) if stage.kind == "denoise" else 0
    return Stage(stage.kind, stage.steps, shape, stage.sigmas, stage.guidance, stage.loras, also)


def _frame(shape: Shape) -> int:
    return geometry.latent_tokens(shape.width, shape.height, 1)


def _tokens(shape: Shape) -> int:
    return geometry.latent_tokens(shape.width, shape.height, shape.num_frames)
