"""Lists the stages of a run in order; the backend executes exactly these."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ltxserve.catalog import ModelSpec
from ltxserve.engine.loras import PlannedLora
from ltxserve.engine.plan.controls import NONE, Controls
from ltxserve.engine.plan.dfr import Rendering, dfr_stages
from ltxserve.engine.plan.length import Length
from ltxserve.engine.plan.nouns import Guidance, Segment, Stage
from ltxserve.engine.plan.picture import Picture
from ltxserve.engine.plan.sampling import guidance_of, resample
from ltxserve.engine.plan.ways import start_at
from ltxserve.types import Shape, Upscale


@dataclass(frozen=True)
class Recipe:
    """What the stages depend on besides the shapes. refining: adapters of the second pass.

    controls: what the first pass follows. guidances: of its steps, where they change on the way.
    start: the noise level at which every pass begins at most.
    """

    steps: int
    sigmas: tuple[float, ...] | None
    upscale: Upscale
    conditions: int
    audio: bool
    refining: tuple[PlannedLora, ...] = ()
    controls: Controls = NONE
    guidances: tuple[Guidance, ...] = ()
    start: float = 1.0


def plan_stages(
    spec: ModelSpec,
    picture: Picture,
    length: Length,
    recipe: Recipe,
    rendering: Rendering | None = None,
) -> tuple[Stage, ...]:
    """Prompt, conditions, first pass, upscales with their passes, decoding, the file.

    rendering: of a clip whose passes are led by stills.
    """
    first = Shape(*picture.first, length.first_frames, length.first_fps)
    stages = [Stage("encode_prompt", 1, first)]
    shown = recipe.conditions + len(recipe.controls.planned)
    if shown:
        stages.append(Stage("encode_conditions", shown, first))
    led = recipe.controls.loras, recipe.controls.tokens(first)
    stages.append(
        Stage("denoise", recipe.steps, first, recipe.sigmas, None, *led, recipe.guidances)
    )
    shape = first
    if rendering is not None:
        stages = [*dfr_stages(spec, picture, length, rendering, tuple(stages))]
        shape = Shape(*picture.generate, length.num_frames, length.fps)
    elif picture.generate != picture.first:
        shape = Shape(*picture.generate, first.num_frames, first.fps)
        stages += [Stage("upscale_spatial", 1, shape), _second_pass(spec, shape, recipe)]
    if recipe.upscale.temporal:
        shape = Shape(shape.width, shape.height, length.num_frames, length.fps)
        stages.append(Stage("upscale_temporal", 1, shape))
    stages.append(Stage("decode_video", 1, shape))
    if recipe.audio:
        stages.append(Stage("decode_audio", 1, shape))
    stages.append(Stage("encode_file", 1, Shape(*picture.deliver, length.num_frames, length.fps)))
    return tuple(stages)


def in_segments(
    stages: tuple[Stage, ...], segments: tuple[Segment, ...], deliver: Shape
) -> tuple[Stage, ...]:
    """The stages of one clip once for every segment of an extension, and one file for all."""

    def of(segment: Segment) -> tuple[Stage, ...]:
        frames = segment.num_frames
        return tuple(replace(s, shape=replace(s.shape, num_frames=frames)) for s in stages[:-1])

    parts = tuple(stage for segment in segments for stage in of(segment))
    return (*parts, replace(stages[-1], shape=deliver))


def of_segment(stages: tuple[Stage, ...], number: int, count: int) -> tuple[Stage, ...]:
    """The stages of one of the `count` segments that `in_segments` made, with the file's."""
    each = (len(stages) - 1) // count
    return (*stages[number * each : (number + 1) * each], stages[-1])


def _second_pass(spec: ModelSpec, shape: Shape, recipe: Recipe) -> Stage:
    second = spec.sampling.second_pass
    if second is None:
        curve = spec.sampling.sigmas
        steps = max(1, spec.sampling.steps // 3)
        return Stage("denoise", steps, shape, resample(curve, steps) if curve else None)
    guidance = guidance_of(second.guidance, second.stg_blocks)
    steps, sigmas = start_at(recipe.start, len(second.sigmas), second.sigmas)
    return Stage("denoise", steps, shape, sigmas, guidance, recipe.refining)
