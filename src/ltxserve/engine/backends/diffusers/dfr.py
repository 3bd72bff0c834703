"""Diffusion fidelity rendering (LTX-2.5) by diffusers' pipelines: the passes of a plan, in order.

A first pass at half size makes the clip and, with it, stills at the borders of its segments. Both
are made twice as large; the second pass refines them, shown what the first has made. Each round
doubles the rate and refines it tile by tile, held to the stills of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import LTX2DFRPipeline, LTX2DFRTemporalRefinePipeline, LTXEulerAncestralRFScheduler
from torch import Tensor

from ltxserve.engine.backends.base import ConditionFrames
from ltxserve.engine.backends.diffusers.passes import Course, shown_at
from ltxserve.engine.backends.diffusers.pipeline import TellingPipeline
from ltxserve.engine.backends.diffusers.text import EncodedText
from ltxserve.engine.backends.diffusers.times import own_times
from ltxserve.engine.geometry import FRAME_STEP, latent_frames
from ltxserve.engine.plan.nouns import PlannedDfr
from ltxserve.progress import Observer, Progress

_SHARED = (
    "vae", "audio_vae", "text_encoder", "tokenizer", "connectors", "transformer", "vocoder",
    "scheduler",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Canvas:
    """What passes hand on: the clip's latents and its stills', denormalised, and the sound's.

    stills: (1, c, n, h, w) at the pixel frames `places`.
    """

    video: Tensor
    audio: Tensor
    stills: Tensor
    places: tuple[int, ...]


@dataclass(frozen=True)
class Tools:
    """What a rendering works with, of a resident model.

    wearing: the adapters of the pass with this number. enlarged: latents (1, c, f, h, w) twice as
    large; told: whether the observer hears of it. temporal: the upsampler that doubles the rate.
    stepping: a callback that tells of a pass's steps.
    """

    pipeline: TellingPipeline
    wearing: Callable[[int], AbstractContextManager[None]]
    enlarged: Callable[[Tensor, bool], Tensor]
    temporal: Any
    stepping: Callable[[Course, Observer], Callable[..., dict[str, Any]]]


@dataclass(frozen=True)
class Scene:
    """What is rendered: its text, its pictures, and its noise."""

    planned: PlannedDfr
    text: EncodedText
    conditions: Sequence[ConditionFrames]
    generator: torch.Generator


class _Own:
    """What our pipelines have in common: where they compute, and pictures that are read already."""

    place: torch.device
    vae: Any
    _normalize_latents: Callable[..., Tensor]
    begun: Callable[[], None]
    before: Tensor | None = None
    """The latents (1, tokens, channels) that the step under way began with."""

    @property
    def _execution_device(self) -> torch.device:
        return self.place

    def encode_conditions(
        self, conditions: Any, height: int, width: int, num_frames: int, **told: Any
    ) -> list[tuple[int, Tensor, float, int]]:
        """Place, latents, strength and number of frames of each picture."""
        del height, width, num_frames
        made = []
        for shown in conditions or ():
            pixels = torch.from_numpy(shown.frames).to(self.place, self.vae.dtype) / 127.5 - 1
            mean = self.vae.encode(pixels.permute(3, 0, 1, 2)[None]).latent_dist.mode()
            latents = self._normalize_latents(mean, self.vae.latents_mean, self.vae.latents_std)
            latents = latents.to(told["device"], told["dtype"])
            made.append((shown.frame, latents, shown.strength, len(shown.frames)))
        return made

    def prepare_latents(self, *args: Any, **kwargs: Any) -> Any:
        """As diffusers' own; afterwards all has been through the VAE."""
        made = super().prepare_latents(*args, **kwargs)
        self.before = made[0]
        self.begun()
        return made


class StillsPipeline(_Own, LTX2DFRPipeline):
    """A pass that makes the clip and its stills."""


class RoundPipeline(_Own, LTX2DFRTemporalRefinePipeline):
    """A round that doubles the rate."""


class Rendering:
    """One run. passes: of the plan, in order. observer: is told of every step."""

    def __init__(self, tools: Tools, scene: Scene, observer: Observer) -> None:
        self._tools = tools
        self._scene = scene
        self._observer = observer
        own = {name: getattr(tools.pipeline, name) for name in _SHARED}
        self._stills = _placed(StillsPipeline(**own), tools.pipeline)

    def run(self, passes: Sequence[Course], begun: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """Latents of the clip and of its sound. begun: called when the first pass begins."""
        first, second, *rounds = passes
        canvas = self._pass(first, begun)
        canvas = self._detailed(second, canvas)
        for number, course in enumerate(rounds, start=1):
            canvas = self._doubled(course, canvas, number)
        # What lies behind the clip itself was made to fill its last segment.
        frames = (self._scene.planned.frames - 1) * 2 ** len(rounds) + 1
        return canvas.video[:, :, : latent_frames(frames)], canvas.audio

    def _detailed(self, course: Course, before: Canvas) -> Canvas:
        larger = {
            "latents": self._tools.enlarged(before.video, True),
            "keyframes_latents": self._tools.enlarged(before.stills, False),
            "audio_latents": before.audio,
        }
        if self._scene.planned.detail:
            larger["reference_latents"] = before.video
        made = self._pass(course, _nothing, larger)
        # The sound of the first pass is kept: later ones make it again under other adapters.
        return Canvas(made.video, before.audio, made.stills, made.places)

    def _pass(
        self, course: Course, begun: Callable[[], None], more: dict[str, Any] | None = None
    ) -> Canvas:
        shape = course.stage.shape
        self._stills.begun = begun
        with self._tools.wearing(course.number), self._times():
            video, audio, stills, places = self._stills(
                **self._asked(course),
                callback_on_step_end=self._tools.stepping(course, self._observer),
                num_frames=shape.num_frames,
                frame_rate=shape.fps,
                keyframe_positions=list(self._scene.planned.stills),
                **(more or {}),
            )
        return Canvas(video, audio, stills, tuple(places))

    def _doubled(self, course: Course, before: Canvas, number: int) -> Canvas:
        planned, shape = self._scene.planned, course.stage.shape
        parts = {name: getattr(self._tools.pipeline, name) for name in _SHARED}
        parts["scheduler"] = LTXEulerAncestralRFScheduler(eta=planned.eta)
        parts["temporal_latent_upsampler"] = self._tools.temporal
        pipeline = _placed(RoundPipeline(**parts), self._tools.pipeline)
        frames = (before.video.shape[2] - 1) * FRAME_STEP + 1
        self._observer(Progress("upscale_temporal", 0, 1))
        pipeline.begun = self._doubling(pipeline)
        with self._tools.wearing(course.number), self._times():
            video, _, stills, places = pipeline(
                **self._asked(course),
                callback_on_step_end=self._counting(course),
                latents=before.video,
                keyframes_latents=before.stills,
                keyframe_positions=list(before.places),
                audio_latents=before.audio,
                num_frames=frames,
                frame_rate=shape.fps / 2,
                source_seconds=planned.canvas * 2**number / shape.fps,
                condition_num_frames=planned.canvas,
                round_index=number,
            )
        return Canvas(video, before.audio, stills, tuple(places))

    def _asked(self, course: Course) -> dict[str, Any]:
        shape = course.stage.shape
        embeddings, mask = self._scene.text.prompt
        return {
            "prompt_embeds": embeddings,
            "prompt_attention_mask": mask,
            "conditions": shown_at(self._scene.conditions, shape) or None,
            "height": shape.height,
            "width": shape.width,
            "sigmas": list(course.stage.sigmas or ()),
            "generator": self._scene.generator,
            "callback_on_step_end_tensor_inputs": ["latents"],
            "output_type": "latent",
            "return_dict": False,
        }

    def _doubling(self, pipeline: Any) -> Callable[[], None]:
        """Tells once that the rate is doubled: when the first tile begins."""

        def tell() -> None:
            pipeline.begun = _nothing
            self._observer(Progress("upscale_temporal", 1, 1))

        return tell

    def _counting(self, course: Course) -> Callable[..., dict[str, Any]]:
        """Tells of steps without a picture: tiles are parts of the clip."""

        def tell(pipeline: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            del pipeline, timestep, values
            course.tell(self._observer, step + 1)
            return {}

        return tell

    def _times(self) -> AbstractContextManager[None]:
        if not self._tools.pipeline.tells_own_times:
            return nullcontext()
        return own_times(self._tools.pipeline.transformer, lambda: True)


def _placed(made: Any, pipeline: TellingPipeline) -> Any:
    made.place = pipeline.place
    made.tokenizer_padding_side = pipeline.tokenizer_padding_side
    made.set_progress_bar_config(disable=True)
    return made


def _nothing() -> None:
    """Nobody wants to know."""
