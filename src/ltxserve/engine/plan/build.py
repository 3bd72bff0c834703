"""Puts a plan together: each part decides its own, all problems are collected, none is guessed."""

from __future__ import annotations

import dataclasses
from typing import Any

from ltxserve.catalog import Catalog, ModelSpec
from ltxserve.engine.audio import plan_audio
from ltxserve.engine.conditioning import Timeline, plan_conditions
from ltxserve.engine.findings import Findings
from ltxserve.engine.loras import (
    PlannedLora,
    camera_lora,
    camera_prompt,
    file_bytes,
    plan_loras,
    refining_lora,
    warn_of_misuse,
)
from ltxserve.engine.plan.controls import plan_controls
from ltxserve.engine.plan.dfr import check_dfr, plan_dfr
from ltxserve.engine.plan.extension import delivered, plan_extend
from ltxserve.engine.plan.foresight import Foresight, check_foresight, plan_foresight
from ltxserve.engine.plan.guiding import guidance_on_the_way
from ltxserve.engine.plan.length import Length, doublings, plan_length
from ltxserve.engine.plan.memory import estimate_memory, estimate_seconds, forward_passes
from ltxserve.engine.plan.nouns import Plan, PlannedExtend, PlannedRetake, Stage
from ltxserve.engine.plan.output import check_output
from ltxserve.engine.plan.picture import Picture, plan_picture
from ltxserve.engine.plan.presets import apply_preset
from ltxserve.engine.plan.prompt import check_text, warn_of_length
from ltxserve.engine.plan.retaking import plan_retake
from ltxserve.engine.plan.sampling import (
    check_seed,
    plan_guidance,
    plan_negative_prompt,
    plan_steps,
)
from ltxserve.engine.plan.sanity import sane
from ltxserve.engine.plan.stages import Recipe, in_segments, plan_stages
from ltxserve.engine.plan.ways import (
    check_retake_acts,
    check_ways,
    plan_ways,
    source_of,
    start_at,
)
from ltxserve.engine.upscale import check_upscale
from ltxserve.errors import LtxserveError
from ltxserve.types import GenerationRequest, Shape, Upscale


def plan(request: GenerationRequest, catalog: Catalog) -> Plan:
    """Decide everything about a run before anything heavy happens; pure, loads nothing.

    Raises RequestRefused with every problem of the request at once.
    """
    findings = Findings()
    request = sane(request, findings)
    asked = request
    request = apply_preset(request, catalog, findings)
    check_text(request.prompt, request.negative_prompt, findings)
    check_seed(request.seed, findings)
    spec = _model(request.model, catalog, findings)
    if spec is None:
        check_output(request.output, request.fps, findings)
        findings.check()
        raise AssertionError("an unknown model is a problem")  # pragma: no cover
    # Judged as asked: what a preset says of the length gives way to a source.
    check_ways(asked, spec, findings)
    check_foresight(asked, spec, findings)
    check_dfr(asked, spec, findings)
    return _plan_for(spec, request, catalog, findings)


def _model(name: str, catalog: Catalog, findings: Findings) -> ModelSpec | None:
    try:
        spec = catalog.model(name)
    except LtxserveError as error:
        findings.problem(error.code, error.message, error.hint, "model")
        return None
    if not spec.runs:
        findings.problem(
            "not_yet_in_this_build",
            f"{spec.name} is not in this build yet. {spec.reason}",
            f"Use {catalog.running()}.",
            "model",
        )
    return spec


def _plan_for(
    spec: ModelSpec, request: GenerationRequest, catalog: Catalog, findings: Findings
) -> Plan:
    upscale = check_upscale(request.upscale, spec, findings)
    controls = plan_controls(request, spec, catalog, findings)
    picture = plan_picture(request, spec, upscale.spatial, findings, controls.downscale)
    length, retake, extend = _length(request, spec, upscale, findings)
    conditions = plan_conditions(
        request.conditions, spec, _timeline(length, request, spec, upscale), findings
    )
    ways = plan_ways(request, length, findings)
    foresight = plan_foresight(request, spec, length, findings)
    steps, sigmas = start_at(ways.start, *plan_steps(request, spec, findings))
    guidance, audio_guidance = plan_guidance(request, spec, findings)
    guided = guidance.uses_negative_prompt or audio_guidance.uses_negative_prompt
    negative = plan_negative_prompt(request.negative_prompt, guided, spec, findings)
    prompt = _prompt(request, spec, catalog, findings)
    loras = _adapters(request, spec, catalog, findings)
    check_output(request.output, length.fps if length else None, findings)
    audio = _audio(request, retake, spec, findings)
    findings.check()
    if picture is None or length is None:
        raise AssertionError("a missing shape is a problem")  # pragma: no cover
    shown = len(conditions) + sum(p is not None for p in (source_of(request), request.sound))
    heard = audio and ways.sound is None
    refining = refining_lora(spec, catalog)
    changing = guidance_on_the_way(request, spec, sigmas, guidance)
    recipe = Recipe(steps, sigmas, upscale, shown, heard, refining, controls, changing, ways.start)
    rendering = plan_dfr(request, spec, catalog, length)
    stages = plan_stages(spec, picture, length, recipe, rendering)
    worn, passes = file_bytes(loras + controls.loras), forward_passes(guidance, audio_guidance)
    generate, deliver = _shapes(picture, length)
    stages, deliver = _whole(foresight, stages, deliver, retake, extend)
    more: dict[str, Any] = {**vars(ways), **vars(foresight), "retake": retake, "extend": extend}
    return Plan(
        dfr=None if rendering is None else rendering.planned,
        model=spec.name,
        generate=generate,
        deliver=deliver,
        fit=picture.fit,
        condition_fps=length.condition_fps,
        seed=request.seed,
        num_inference_steps=steps,
        sigmas=sigmas,
        guidance=guidance,
        audio_guidance=audio_guidance,
        decode_timestep=spec.sampling.decode_timestep,
        decode_noise_scale=spec.sampling.decode_noise_scale,
        max_sequence_length=spec.text_encoder.max_tokens,
        stages=stages,
        conditions=conditions,
        controls=controls.planned,
        loras=loras,
        prompt=prompt,
        negative_prompt=negative,
        generate_audio=audio,
        low_vram=request.low_vram,
        output=request.output,
        memory=estimate_memory(spec, stages, guided, request.low_vram, worn),
        estimated_seconds=estimate_seconds(spec, stages, passes),
        warnings=tuple(findings.warnings),
        **more,
    )


def _prompt(
    request: GenerationRequest, spec: ModelSpec, catalog: Catalog, findings: Findings
) -> str:
    prompt = camera_prompt(request.camera_motion, request.prompt.strip(), spec, catalog, findings)
    warn_of_length(prompt, spec, findings)
    return prompt


def _audio(
    request: GenerationRequest,
    retake: PlannedRetake | None,
    spec: ModelSpec,
    findings: Findings,
) -> bool:
    audio = plan_audio(_wants_audio(request), request.output.format, spec, findings)
    _warn_of_silent_guidance(request, audio, findings)
    check_retake_acts(retake, audio, findings)
    return audio


def _adapters(
    request: GenerationRequest, spec: ModelSpec, catalog: Catalog, findings: Findings
) -> tuple[PlannedLora, ...]:
    asked = plan_loras(request.loras, spec, catalog, findings)
    warn_of_misuse(request.prompt, asked, catalog, findings)
    return (*camera_lora(request.camera_motion, spec, catalog), *asked)


def _length(
    request: GenerationRequest, spec: ModelSpec, upscale: Upscale, findings: Findings
) -> tuple[Length | None, PlannedRetake | None, PlannedExtend | None]:
    """Length of the clip that the model makes; of an extension, of its longest segment."""
    if request.extend is None and request.retake is None:
        return plan_length(request, spec, doublings(request), findings), None, None
    fps = request.fps or spec.defaults.fps
    legal = min(max(fps, spec.limits.min_fps), spec.limits.max_fps)
    retake, extend, frames = None, None, None
    if request.retake is not None:
        retake = plan_retake(request.retake, legal, spec, findings)
        frames = None if retake is None else retake.window_frames
    elif request.extend is not None:
        extend = plan_extend(request.extend, legal, spec, findings)
        frames = None if extend is None else max(part.num_frames for part in extend.segments)
    sized = request.model_copy(update={"num_frames": frames, "seconds": None})
    return plan_length(sized, spec, 0, findings), retake, extend


def _whole(
    foresight: Foresight,
    stages: tuple[Stage, ...],
    deliver: Shape,
    retake: PlannedRetake | None,
    extend: PlannedExtend | None,
) -> tuple[tuple[Stage, ...], Shape]:
    """Stages and delivered shape where the clip is more than one run makes."""
    if extend is not None:
        deliver = dataclasses.replace(deliver, num_frames=delivered(extend))
        return foresight.before(in_segments(stages, extend.segments, deliver)), deliver
    if retake is not None:
        deliver = dataclasses.replace(deliver, num_frames=retake.source_frames)
        stages = (*stages[:-1], dataclasses.replace(stages[-1], shape=deliver))
    return foresight.before(stages), deliver


def _wants_audio(request: GenerationRequest) -> bool | None:
    """A clip made from a video without sound gets none, unless that is asked for."""
    source = source_of(request)
    if request.audio is not None or request.sound is not None or source is None:
        return request.audio
    return False if source.source_has_sound is False else None


def _timeline(
    length: Length | None, request: GenerationRequest, spec: ModelSpec, upscale: Upscale
) -> Timeline:
    """The clip that conditions are placed in; where its length is itself wrong, one near it, so
    that the conditions' other problems are still found."""
    per_frame = 2 ** doublings(request)
    if length is not None:
        return Timeline(length.num_frames, per_frame)
    wanted = request.num_frames or spec.defaults.num_frames
    return Timeline(max(1, min(wanted, spec.limits.max_frames)), per_frame)


def _shapes(picture: Picture, length: Length) -> tuple[Shape, Shape]:
    frames, fps = length.num_frames, length.fps
    return Shape(*picture.generate, frames, fps), Shape(*picture.deliver, frames, fps)


def _warn_of_silent_guidance(request: GenerationRequest, audio: bool, findings: Findings) -> None:
    terms = (
        request.audio_guidance_scale,
        request.audio_stg_scale,
        request.audio_guidance_rescale,
        request.audio_modality_scale,
    )
    if not audio and any(term is not None for term in terms):
        findings.warn("The clip is delivered without sound; audio guidance is not heard.")
