"""diffusers' LTX-2 pipeline, able to say when denoising begins and to hold given latents.

What is given is noised to where denoising starts; what is held of it stays clean: its tokens are
told that they have no noise, and every step's prediction is replaced by what is given.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTX2ConditionPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import calculate_shift, retrieve_timesteps
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from ltxserve.engine.backends.diffusers.ancestral import AncestralScheduler
from ltxserve.engine.backends.diffusers.given import GivenLatents
from ltxserve.engine.backends.diffusers.references import with_references
from ltxserve.engine.backends.diffusers.times import own_times


def _nothing() -> None:
    """What is called unless somebody wants to know."""


class TellingPipeline(LTX2ConditionPipeline):
    """The pipeline calls back at the end of a step only: the first step's begin is told here."""

    latents_ready: Callable[[], None] = staticmethod(_nothing)
    place: torch.device = torch.device("cpu")
    """Where it computes; its parts may be elsewhere while they have nothing to do."""
    before: Tensor | None = None
    """The latents (1, tokens, channels) that the step under way began with."""
    given: GivenLatents = GivenLatents()
    """What the run is given besides conditions."""
    held: Tensor | None = None
    """How much of each token is held (1, tokens, 1) in the run under way."""
    clean: Tensor | None = None
    """What those tokens are held to (1, tokens, channels)."""
    tells_own_times: bool = False
    """Whether the model was trained to be told them; see times.py."""

    @property
    def _execution_device(self) -> torch.device:
        return self.place

    @contextmanager
    def refining(self) -> Iterator[None]:
        """Inside, sigmas are walked as they are told: not bent, and without fresh noise.

        The few steps after a latent upscale cannot remove any, as Lightricks remark.
        """
        own = self.scheduler
        straight = {"use_dynamic_shifting": False, "shift_terminal": None}
        self.scheduler = FlowMatchEulerDiscreteScheduler.from_config(
            own.config, **straight, stochastic_sampling=False
        )
        try:
            yield
        finally:
            self.scheduler = own

    @contextmanager
    def drawing(self, noise: torch.Generator) -> Iterator[None]:
        """Inside, every step draws from this: for the picture, then for the sound."""
        own, sound = self.scheduler, self.audio_scheduler
        each = [AncestralScheduler.from_config(own.config) for _ in range(2)]
        for scheduler, settle in zip(each, (self._settled, self._settled_sound), strict=True):
            scheduler.noise, scheduler.settle = noise, settle
        self.scheduler, self.audio_scheduler = each
        try:
            yield
        finally:
            self.scheduler, self.audio_scheduler = own, sound

    def _settled(self, tokens: Tensor) -> Tensor:
        if self.held is None or self.clean is None:
            return tokens
        return tokens * (1 - self.held) + self.clean * self.held

    def _settled_sound(self, tokens: Tensor) -> Tensor:
        held = self.given.audio
        if held is None:
            return tokens
        return tokens * (1 - held.mask) + held.tokens * held.mask

    @contextmanager
    def giving(self, given: GivenLatents) -> Iterator[None]:
        """Inside, runs are given this; sound that is held is told to the model at every call."""
        self.given = given
        with ExitStack() as hooks:
            hooks.callback(self._forget)
            told = self.transformer.register_forward_pre_hook
            if given.audio is not None:
                hooks.callback(told(self._time_sound, with_kwargs=True).remove)
            if self.transformer.config.get("use_keyframes_abs_pos_embedding"):
                hooks.callback(told(first_frame_marked, with_kwargs=True).remove)
            if self.tells_own_times:
                hooks.enter_context(own_times(self.transformer, self._is_uneven))
            yield

    def _forget(self) -> None:
        del self.given
        self.before = self.held = self.clean = None

    def _is_uneven(self) -> bool:
        return self.given.audio is not None or self.held is not None

    def prepare_latents(self, *args: Any, **kwargs: Any) -> Any:
        """As the pipeline's own, on what is given; afterwards all has been through the VAE."""
        latents, mask, clean, coords = super().prepare_latents(*args, **kwargs)
        held = self.given.video
        if held is not None:
            own = slice(held.tokens.shape[1])
            start = self._start(latents.shape[1], kwargs["noise_scale"])
            based = _noised(held.tokens, held.mask, start, kwargs["generator"])
            # A picture that is to be seen at the first frame goes before what is given there.
            shown = mask[:, own] > 0
            latents[:, own] = torch.where(shown, latents[:, own], based)
            clean[:, own] = torch.where(shown, clean[:, own], held.tokens * held.mask)
            mask[:, own] = torch.maximum(mask[:, own], held.mask)
        made = with_references(self, self.given.references, (latents, mask, clean, coords), kwargs)
        self.before = made[0]
        self.held, self.clean = (made[1], made[2]) if bool(made[1].any()) else (None, None)
        self.latents_ready()
        return made

    def prepare_audio_latents(self, *args: Any, **kwargs: Any) -> Tensor:
        """As the pipeline's own, on what is given."""
        latents = super().prepare_audio_latents(*args, **kwargs)
        held = self.given.audio
        if held is None:
            return latents
        tokens = 1 if self.before is None else self.before.shape[1]
        start = self._start(tokens, kwargs["noise_scale"])
        return _noised(held.tokens, held.mask, start, kwargs["generator"]).to(latents)

    def convert_velocity_to_x0(
        self, sample: Tensor, denoised_output: Tensor, step_idx: int, scheduler: Any = None
    ) -> Tensor:
        """As the pipeline's own, but by each token's own noise level: held ones have less."""
        pictures = scheduler is None or scheduler is self.scheduler
        if pictures and self.held is not None:
            denoised_output = denoised_output * (1 - self.held)
        return super().convert_velocity_to_x0(sample, denoised_output, step_idx, scheduler)

    def convert_x0_to_velocity(
        self, sample: Tensor, denoised_output: Tensor, step_idx: int, scheduler: Any = None
    ) -> Tensor:
        """As the pipeline's own; sound that is held is what is predicted."""
        held = self.given.audio
        # The pipeline holds pictures itself; sound comes with a scheduler of its own.
        if held is not None and scheduler is not None and scheduler is not self.scheduler:
            mask = held.mask.to(denoised_output)
            clean = held.tokens.to(denoised_output)
            denoised_output = denoised_output * (1 - mask) + clean * mask
        return super().convert_x0_to_velocity(sample, denoised_output, step_idx, scheduler)

    def _time_sound(
        self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The transformer's arguments with a time of its own for every token of sound."""
        del module
        held = self.given.audio
        if held is None:
            return args, kwargs
        times = kwargs["audio_timestep"].unsqueeze(-1) * (1 - held.mask.squeeze(-1))
        return args, {**kwargs, "audio_timestep": times}

    def _start(self, tokens: int, noise_scale: float) -> float:
        """The noise level at which denoising starts, after the scheduler has bent it."""
        config = self.scheduler.config
        if not config.get("use_dynamic_shifting") or self.given.sigmas is None:
            return noise_scale
        scheduler = copy.deepcopy(self.scheduler)
        mu = calculate_shift(
            tokens,
            config.get("base_image_seq_len", 1024),
            config.get("max_image_seq_len", 4096),
            config.get("base_shift", 0.95),
            config.get("max_shift", 2.05),
        )
        retrieve_timesteps(scheduler, sigmas=list(self.given.sigmas), mu=mu)
        return float(scheduler.sigmas[0])


def first_frame_marked(
    module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The transformer's arguments with the tokens of the clip's first frame marked (LTX-2.5).

    They stand for one picture, where others stand for eight; diffusers marks them in its DFR
    pipelines only, Lightricks' code always.
    """
    del module
    tokens = kwargs["hidden_states"]
    mask = tokens.new_zeros(tokens.shape[0], tokens.shape[1], 1)
    mask[:, : kwargs["height"] * kwargs["width"]] = 1
    return args, {**kwargs, "video_keyframes_mask": mask}


def _noised(tokens: Tensor, mask: Tensor, start: float, generator: torch.Generator) -> Tensor:
    noise = randn_tensor(
        tokens.shape, generator=generator, device=tokens.device, dtype=tokens.dtype
    )
    level = (1 - mask) * start
    return noise * level + tokens * (1 - level)
