"""Decides steps, sigmas, guidance and seed from the request and the model's own settings."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from ltxserve.catalog import ModelSpec
from ltxserve.catalog.spec import GuidanceTerms
from ltxserve.engine.findings import Findings, show
from ltxserve.engine.plan.nouns import Guidance
from ltxserve.types import GenerationRequest

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Term:
    """A guidance term: its field in requests, in catalog rows, and its range."""

    field: str
    row: str
    low: float
    high: float
    off: float
    support: str


TERMS = (
    Term("guidance_scale", "scale", 1.0, 20.0, 1.0, "guidance"),
    Term("stg_scale", "stg", 0.0, 10.0, 0.0, "stg"),
    Term("guidance_rescale", "rescale", 0.0, 1.0, 0.0, "guidance"),
    Term("modality_scale", "modality", 1.0, 20.0, 1.0, "guidance"),
)


def plan_steps(
    request: GenerationRequest, spec: ModelSpec, findings: Findings
) -> tuple[int, tuple[float, ...] | None]:
    """Number of steps and their sigmas; None = the scheduler's own curve."""
    steps = request.num_inference_steps
    if steps is not None and not 1 <= steps <= spec.limits.max_steps:
        findings.problem(
            "steps_out_of_range",
            f"{show(steps)} steps.",
            f"{spec.name} takes 1 to {spec.limits.max_steps}; {spec.sampling.steps} is best.",
            "num_inference_steps",
        )
        steps = None
    if request.sigmas is not None:
        sigmas = _own_sigmas(request.sigmas, spec, findings)
        if sigmas and steps not in (None, len(sigmas)):
            findings.problem(
                "conflicting_fields",
                f"{steps} steps, but {len(sigmas)} sigmas.",
                "Leave num_inference_steps out.",
                "num_inference_steps",
            )
        return len(sigmas), sigmas
    count = steps or spec.sampling.steps
    curve = spec.sampling.sigmas
    return count, resample(curve, count) if curve else None


def resample(curve: tuple[float, ...], count: int) -> tuple[float, ...]:
    """`count` sigmas along a curve made for another number of steps.

    The curve, with its end at 0, is read as a line over the share of steps done and sampled
    evenly, so that half the steps take every second sigma of the original.
    """
    if count == len(curve):
        return curve
    points = (*curve, 0.0)
    taken = []
    for i in range(count):
        at = i * len(curve) / count
        left = int(at)
        share = at - left
        taken.append(round(points[left] + (points[left + 1] - points[left]) * share, 8))
    return tuple(taken)


def plan_guidance(
    request: GenerationRequest, spec: ModelSpec, findings: Findings
) -> tuple[Guidance, Guidance]:
    """Guidance of picture and sound.

    A sound term that the request leaves open is the model's own; where the model treats picture
    and sound alike, it follows the picture's.
    """
    video, audio = spec.sampling.video, spec.sampling.audio
    values: dict[str, tuple[float, float]] = {}
    for term in TERMS:
        picture = _term(request, term, "", spec, findings)
        sound = _term(request, term, "audio_", spec, findings)
        own_video, own_audio = getattr(video, term.row), getattr(audio, term.row)
        alike = picture if own_audio == own_video and picture is not None else own_audio
        values[term.row] = (
            own_video if picture is None else picture,
            alike if sound is None else sound,
        )
    blocks = _blocks(request, spec, findings)
    pair = [GuidanceTerms(**{row: pair[side] for row, pair in values.items()}) for side in (0, 1)]
    if any(terms.stg > 0 for terms in pair) and not blocks:
        findings.problem(
            "stg_blocks_invalid",
            "stg_scale acts on blocks, and none are given.",
            "Give stg_blocks.",
            "stg_blocks",
        )
    return guidance_of(pair[0], blocks), guidance_of(pair[1], blocks)


def plan_negative_prompt(
    text: str | None, guided: bool, spec: ModelSpec, findings: Findings
) -> str:
    """The negative prompt that will act, "" for none."""
    wanted = (text or "").strip()
    if wanted and not spec.supports.negative_prompt:
        findings.problem(
            "negative_prompt_unsupported",
            f"{spec.name} runs without guidance, so a negative prompt cannot act.",
            "Leave negative_prompt out, or use a dev model.",
            "negative_prompt",
        )
    if wanted and not guided and spec.supports.negative_prompt:
        findings.warn(
            "The negative prompt has no effect without guidance: set guidance_scale above 1."
        )
    if not guided:
        return ""
    return spec.defaults.negative_prompt if text is None else wanted


def check_seed(seed: int | None, findings: Findings) -> None:
    """A seed is None or a whole number from 0 to 2**63 - 1."""
    if seed is not None and not 0 <= seed <= MAX_SEED:
        findings.problem(
            "seed_out_of_range",
            f"The seed is {show(seed)}.",
            "Use 0 to 2**63 - 1, or leave it out for a random one.",
            "seed",
        )


def _own_sigmas(
    sigmas: tuple[float, ...], spec: ModelSpec, findings: Findings
) -> tuple[float, ...]:
    kept = sigmas[:-1] if sigmas and sigmas[-1] == 0 else sigmas
    falling = all(a > b for a, b in itertools.pairwise(kept))
    if not kept or not falling or kept[0] > 1 or kept[-1] <= 0:
        findings.problem(
            "sigmas_invalid",
            "The sigmas do not fall from at most 1 towards 0.",
            "Give for example [1.0, 0.98, 0.9, 0.7, 0.4]; a final 0 may be left out.",
            "sigmas",
        )
    elif len(kept) > spec.limits.max_steps:
        findings.problem(
            "steps_out_of_range",
            f"{len(kept)} sigmas.",
            f"{spec.name} takes at most {spec.limits.max_steps} steps.",
            "sigmas",
        )
    return kept


def _term(
    request: GenerationRequest, term: Term, prefix: str, spec: ModelSpec, findings: Findings
) -> float | None:
    name = prefix + term.field
    value = getattr(request, name)
    if value is None:
        return None
    if not term.low <= value <= term.high:
        findings.problem(
            "guidance_out_of_range",
            f"{name} is {show(value)}.",
            f"Use {term.low:g} (off) to {term.high:g}.",
            name,
        )
        return None
    able = getattr(spec.supports, term.support) and (spec.supports.audio or not prefix)
    if term.field == "modality_scale":
        able = able and spec.supports.audio
    if value != term.off and not able:
        findings.problem(
            "guidance_unsupported",
            f"{spec.name} cannot use {name}.",
            f"Leave {name} out, or use another model.",
            name,
        )
        return None
    return value


def _blocks(request: GenerationRequest, spec: ModelSpec, findings: Findings) -> tuple[int, ...]:
    blocks = spec.sampling.stg_blocks if request.stg_blocks is None else request.stg_blocks
    layers = spec.architecture.layers
    wrong = [block for block in blocks if not 0 <= block < layers]
    if wrong or len(set(blocks)) != len(blocks):
        findings.problem(
            "stg_blocks_invalid",
            f"stg_blocks has {show(wrong[0]) if wrong else 'a block twice'}.",
            f"{spec.name} has blocks 0 to {layers - 1}.",
            "stg_blocks",
        )
    return blocks


def guidance_of(terms: GuidanceTerms, blocks: tuple[int, ...]) -> Guidance:
    """Terms of a row as a plan has them; blocks act where STG is on."""
    return Guidance(
        guidance_scale=terms.scale,
        stg_scale=terms.stg,
        stg_blocks=blocks if terms.stg > 0 else (),
        rescale=terms.rescale,
        modality_scale=terms.modality,
    )
