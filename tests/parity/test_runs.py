"""Whole runs against Lightricks' own loop, states and upsampling, in float32.

Theirs: noise, conditions, positions, denoising, upsampling, from `ltx_core` and `ltx_pipelines`.
Shared: the encoded prompt and pictures, whose parts are compared elsewhere; the seed.
"""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import (
    ConditionFrames,
    ControlFrames,
    Given,
    GivenSound,
    Placement,
)
from ltxserve.engine.backends.diffusers.given import encode_given
from ltxserve.engine.backends.diffusers.passes import shown_at
from ltxserve.engine.backends.diffusers.run import DiffusersBackend, Latents
from ltxserve.engine.backends.diffusers.text import encode_text
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import Guidance, Plan, Stage, plan
from ltxserve.media.frames import psnr, resize
from ltxserve.progress import NullObserver
from ltxserve.types import GenerationRequest
from tests.parity.reference import reference, theirs, whole
from tests.parity.test_parts import VIDEO
from tests.parity.test_upscalers import theirs as their_upscaler
from tests.parity.test_upscalers import whole as whole_upscaler
from tests.replicas.build import MODEL
from tests.replicas.folders import catalog_with, small_row, write_row, write_split
from tests.tiny import disc
from tests.unit.engine.ways.given import tone
from tests.unit.media.samples import moving_clip

ROWS = {
    "ltx-2-19b-distilled": "ltx-2.0-small",
    "ltx-2.3-22b-distilled-1.1": "ltx-2.3-small",
    "ltx-2.5-22b-distilled": "ltx-2.5-small",
    "ltx-2-19b-dev": "ltx-2.0-small",
    "ltx-2.3-22b-dev": "ltx-2.3-small",
    "ltx-2.5-22b-dev": "ltx-2.5-small",
}
UPSCALERS = {
    "ltx-2.0-small": "ltx-2.0-upscaler-small",
    "ltx-2.3-small": "ltx-2.3-upscaler-small",
    "ltx-2.5-small": "ltx-2.3-upscaler-small",
}
TRANSFORMER = "ltx_core.model.transformer.model_configurator:LTXModelConfigurator"
EXACT = 1e-5
GUIDED = 1e-4  # guidance makes differences of arithmetic larger
LEAST_PSNR = 40.0
SEED = 5


@dataclass(frozen=True, eq=False)
class Theirs:
    """Their parts, and what both sides share: the backend's encoders."""

    replica: str
    backend: DiffusersBackend
    simple: Any
    denoiser: Any
    noiser: Any

    def encoded(self, pictures: Any) -> Tensor:
        """Pictures as normalised latents."""
        vae: Any = self.backend.pipeline.vae
        pixels = torch.from_numpy(pictures).permute(3, 0, 1, 2)[None] / 127.5 - 1
        mean = vae.encode(pixels).latent_dist.mode()
        return self.backend.pipeline._normalize_latents(mean, vae.latents_mean, vae.latents_std)

    def stage(
        self, stage: Stage, shown: list[ConditionFrames], **also: Any
    ) -> tuple[Tensor, Tensor]:
        """Normalised latents of picture and sound. also: see `ended`."""
        picture, heard = self.ended(stage, shown, **also)
        return picture.latent, heard.latent

    def ended(
        self,
        stage: Stage,
        shown: list[ConditionFrames],
        begun: tuple[Tensor, Tensor] | None = None,
        sound: Tensor | None = None,
        more: Sequence[Any] = (),
    ) -> tuple[Any, Any]:
        """Their states of picture and sound in the end. sound: held as a whole. more: items."""
        shape, sigmas = stage.shape, torch.tensor([*(stage.sigmas or ()), 0.0])
        if stage.sigmas is None:
            sigmas = reference("ltx_core.components.schedulers:LTX2Scheduler")().execute(
                stage.steps
            )
        scale = 1.0 if begun is None else float(sigmas[0])
        pixels = reference("ltx_core.types:VideoPixelShape")(
            batch=1, frames=shape.num_frames, height=shape.height, width=shape.width, fps=shape.fps
        )
        scales = reference("ltx_core.types:VIDEO_SCALE_FACTORS")
        video = reference("ltx_core.tools:VideoLatentTools")(
            reference("ltx_core.components.patchifiers:VideoLatentPatchifier")(patch_size=1),
            reference("ltx_core.types:VideoLatentShape").from_pixel_shape(pixels, 32, scales),
            shape.fps,
            scale_factors=scales,
        )
        audio = reference("ltx_core.tools:AudioLatentTools")(
            reference("ltx_core.components.patchifiers:AudioPatchifier")(patch_size=1),
            reference("ltx_core.types:AudioLatentShape").from_video_pixel_shape(pixels),
        )
        noised = reference("ltx_pipelines.utils.helpers:create_noised_state")
        common = (self.noiser, torch.float32, torch.device("cpu"), scale)
        states = [
            noised(
                video,
                [*self.conditions(shown), *more],
                *common,
                None if begun is None else begun[0],
            ),
            noised(audio, [], *common, None if begun is None else begun[1]),
        ]
        if sound is not None:
            still = noised(audio, [], *common[:-1], 0.0, sound)
            free = torch.zeros_like(still.denoise_mask)
            states[1] = dataclasses.replace(still, denoise_mask=free, frozen=True)
        model = reference("ltx_core.model.transformer.model:X0Model")
        whole_model = model(theirs(self.replica, TRANSFORMER, MODEL))
        whole_model = reference("ltx_core.batch_split:BatchSplitAdapter")(whole_model, 1)
        denoiser = self.denoiser if begun is None else self.simple
        loop, stepper = self.sampler(begun is None)
        ended = loop(sigmas, *states, stepper, whole_model, denoiser)
        tools = (video, audio)
        made = [t.unpatchify(t.clear_conditioning(s)) for t, s in zip(tools, ended, strict=True)]
        return made[0], made[1]

    def sampler(self, first: bool) -> tuple[Any, Any]:
        """The loop and its step: 2.5, distilled, draws noise in the first stage."""
        steps, loops = "ltx_core.components.diffusion_steps", "ltx_pipelines.utils.samplers"
        drawing = first and self.denoiser is self.simple and self.replica.startswith("ltx-2.5")
        if not drawing:
            plain = reference(f"{loops}:euler_denoising_loop")
            return plain, reference(f"{steps}:EulerDiffusionStep")()
        loop = functools.partial(
            reference(f"{loops}:euler_ancestral_denoising_loop"),
            noise_seed=SEED + reference("ltx_pipelines.distilled:ANCESTRAL_NOISE_SEED_OFFSET"),
            model_dtype=torch.float32,
        )
        return loop, reference(f"{steps}:EulerAncestralDiffusionStep")()

    def conditions(self, shown: list[ConditionFrames]) -> list[Any]:
        """At the first frame in place of its latents, elsewhere as keyframes."""
        at_first = reference("ltx_core.conditioning:VideoConditionByLatentIndex")
        elsewhere = reference("ltx_core.conditioning:VideoConditionByKeyframeIndex")
        return [
            at_first(self.encoded(c.frames), c.strength, 0)
            if c.frame == 0
            else elsewhere(self.encoded(c.frames), c.frame, c.strength)
            for c in shown
        ]

    def whole_run(self, made: Plan, conditions: list[ConditionFrames]) -> tuple[Tensor, Tensor]:
        """Both passes, with their upsampling between."""
        first, second = made.passes
        half = self.stage(first, shown_at(conditions, first.shape))
        upsampler = their_upscaler(UPSCALERS[self.replica])
        statistics = theirs(
            self.replica,
            f"{VIDEO}:VideoEncoderConfigurator",
            "vae.encoder.",
            "vae.per_channel_statistics.",
        )
        up = reference("ltx_core.model.upsampler.model:upsample_video")
        larger = up(half[0], statistics, upsampler)
        return self.stage(second, shown_at(conditions, second.shape), begun=(larger, half[1]))


def written(root: Path, row: ModelSpec, name: str) -> None:
    """The row's files, checkpoint and upscaler in float32."""
    write_row(root, row)
    if row.layout == "ltx-2.5":
        write_split(root, row, whole(name))
    else:
        whole(name).save(root / row.repo / row.files[0].path)
    scaler = whole_upscaler(UPSCALERS[name])
    file = next(file for file in row.files if file.role == "spatial_upscaler")
    scaler.save(root / (file.repo or row.repo) / file.path)


@pytest.fixture(scope="module", params=[name for name in ROWS if "distilled" in name])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A backend of a replica in float32, and a function that plans for it."""
    reference(TRANSFORMER)
    row, root = small_row(request.param), tmp_path_factory.mktemp("weights")
    written(root, row, ROWS[row.name])

    def planned(**fields: Any) -> Plan:
        asked = {"prompt": "a ball", "model": row.name, "width": 192, "height": 128}
        asked |= {"num_frames": 17, **fields}
        return plan(GenerationRequest.model_validate(asked), catalog_with(row))

    with Engine(Placement("cpu", "float32", root), catalog_with(row)) as engine:
        yield cast(DiffusersBackend, engine.backend(row.name)), planned


def picture(frame: int, strength: float) -> ConditionFrames:
    """A disc, red at the start and blue later."""
    colour = (222, 30, 38) if frame == 0 else (30, 60, 220)
    return ConditionFrames(disc(colour, size=(192, 128))[None], frame, strength)


def away(one: Tensor | None, other: Tensor | None) -> float:
    """Relative distance."""
    assert one is not None
    assert other is not None
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [picture(0, 1.0)],
        [picture(0, 0.5)],
        [picture(9, 1.0)],
        [picture(0, 1.0), picture(8, 0.7)],
    ],
    ids=["words", "first", "first loosely", "keyframe", "both"],
)
def test_one_stage(running: Any, conditions: list[ConditionFrames]):
    backend, planned = running
    made = planned()
    with torch.inference_mode():
        ended = backend.run(made, SEED, conditions, NullObserver()).latents
        (only,) = made.passes
        wanted = denormalised(backend, theirs_of(backend, made).stage(only, conditions))
    assert away(ended.video, wanted.video) < EXACT
    assert away(ended.audio, wanted.audio) < EXACT


def test_to_a_sound(running: Any):
    backend, planned = running
    made = planned()
    given = Given(None, GivenSound(tone(17), ((0.0, inf),)))
    with torch.inference_mode():
        ended = backend.run(made, SEED, [], NullObserver(), given).latents
        held = encode_given(backend.pipeline, made, given, backend.spec.mel).audio
        assert held is not None
        sound = held.tokens.unflatten(2, (-1, 16)).transpose(1, 2)
        wanted = theirs_of(backend, made).stage(made.passes[0], [], sound=sound)
    assert away(ended.video, denormalised(backend, wanted).video) < EXACT


@pytest.mark.parametrize(("downscale", "strength"), [(1, 1.0), (2, 1.0), (2, 0.6)])
def test_after_a_control_video(running: Any, downscale: int, strength: float):
    backend, planned = running
    if "2.5" in backend.spec.name:
        pytest.skip("LTX-2.5 has no controls")
    made = planned()
    frames = moving_clip(17, 192, 128)
    given = Given(controls=(ControlFrames(frames, strength, downscale),))
    with torch.inference_mode():
        ended = backend.run(made, SEED, [], NullObserver(), given).latents
        side = theirs_of(backend, made)
        small = side.encoded(resize(frames, 192 // downscale, 128 // downscale))
        item = reference("ltx_core.conditioning:VideoConditionByReferenceLatent")
        led = item(small, downscale_factor=downscale, strength=strength)
        wanted = denormalised(backend, side.stage(made.passes[0], [], more=[led]))
    assert away(ended.video, wanted.video) < EXACT
    assert away(ended.audio, wanted.audio) < EXACT


@pytest.mark.parametrize(
    ("conditions", "most"),
    [
        ([], EXACT),
        ([picture(0, 1.0)], EXACT),
        # Where theirs go on from the upsampled clip (a keyframe: from nothing), ours do from the
        # picture; what is left of either under the noise is little.
        ([picture(0, 1.0), picture(9, 0.7)], 1e-3),
    ],
    ids=["words", "first", "both"],
)
def test_two_stages(running: Any, conditions: list[ConditionFrames], most: float):
    backend, planned = running
    made = planned(upscale={"spatial": True})
    vae: Any = backend.pipeline.vae
    with torch.inference_mode():
        ended = backend.run(made, SEED, conditions, NullObserver()).latents
        wanted = denormalised(backend, theirs_of(backend, made).whole_run(made, conditions))
        clips = [_pixels(vae.decode(latents).sample) for latents in (ended.video, wanted.video)]
    assert away(ended.video, wanted.video) < most
    assert away(ended.audio, wanted.audio) < most
    assert psnr(*clips) > LEAST_PSNR


@pytest.mark.parametrize("name", [name for name in ROWS if "distilled" not in name])
def test_guided(name: str, tmp_path: Path):
    """Every kind of guidance at the row's own strengths, with a picture; few steps."""
    reference(TRANSFORMER)
    row = small_row(name)
    written(tmp_path, row, ROWS[name])
    asked = {"prompt": "a ball", "model": name, "width": 192, "height": 128, "num_frames": 17}
    request = GenerationRequest.model_validate({**asked, "num_inference_steps": 4})
    made = plan(request, catalog_with(row))
    conditions = [picture(0, 0.8)]
    with (
        Engine(Placement("cpu", "float32", tmp_path), catalog_with(row)) as engine,
        torch.inference_mode(),
    ):
        backend = cast(DiffusersBackend, engine.backend(name))
        ended = backend.run(made, SEED, conditions, NullObserver()).latents
        wanted = denormalised(backend, theirs_of(backend, made).stage(made.passes[0], conditions))
    assert away(ended.video, wanted.video) < GUIDED
    assert away(ended.audio, wanted.audio) < GUIDED


def theirs_of(backend: DiffusersBackend, made: Plan) -> Theirs:
    """Their code, with the prompt as ours reads it and noise of the same seed."""
    pipeline: Any = backend.pipeline
    text = encode_text(pipeline, made, made.model)
    side = pipeline.tokenizer_padding_side
    contexts = pipeline.connectors(*text.prompt, padding_side=side)[:2]
    simple = reference("ltx_pipelines.utils.denoisers:SimpleDenoiser")(*contexts)
    guided = simple
    if made.guidance.uses_negative_prompt:
        away_from = pipeline.connectors(*text.negative, padding_side=side)[:2]
        factories = [
            factory_of(terms, context)
            for terms, context in zip((made.guidance, made.audio_guidance), away_from, strict=True)
        ]
        kind = reference("ltx_pipelines.utils.denoisers:FactoryGuidedDenoiser")
        guided = kind(*contexts, *factories)
    noiser = reference("ltx_core.components.noisers:GaussianNoiser")
    own = noiser(generator=torch.Generator("cpu").manual_seed(SEED))
    return Theirs(ROWS[made.model], backend, simple, guided, own)


def factory_of(terms: Guidance, context: Tensor) -> Any:
    """Their guidance of one modality."""
    params = reference("ltx_core.components.guiders:MultiModalGuiderParams")(
        cfg_scale=terms.guidance_scale,
        stg_scale=terms.stg_scale,
        stg_blocks=list(terms.stg_blocks),
        rescale_scale=terms.rescale,
        modality_scale=terms.modality_scale,
    )
    make = reference("ltx_core.components.guiders:create_multimodal_guider_factory")
    return make(params, context)


def denormalised(backend: DiffusersBackend, latents: tuple[Tensor, Tensor]) -> Latents:
    """Picture and sound as ours gives them."""
    pipeline: Any = backend.pipeline
    video, audio = latents
    vae, sound = pipeline.vae, pipeline.audio_vae
    tokens = pipeline._denormalize_audio_latents(
        audio.transpose(1, 2).flatten(2, 3), sound.latents_mean, sound.latents_std
    )
    unpacked = pipeline._unpack_audio_latents(tokens, audio.shape[2], num_mel_bins=audio.shape[3])
    return Latents(
        pipeline._denormalize_latents(video, vae.latents_mean, vae.latents_std), unpacked
    )


def _pixels(decoded: Tensor) -> Any:
    frames = decoded[0].permute(1, 2, 3, 0).clamp(-1, 1)
    return ((frames + 1) * 127.5).round().byte().numpy()
