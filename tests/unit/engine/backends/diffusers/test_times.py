"""Own times reach the attention between picture and sound, and only where they differ."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.times import own_times


class Modulation(nn.Module):
    """Remembers the times that it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Tensor] = []

    def forward(self, time: Tensor, batch_size: int) -> Tensor:
        assert batch_size == 1
        self.told.append(time)
        return time


class Transformer(nn.Module):
    """Tells its parts the other modality's time, as diffusers' does."""

    def __init__(self) -> None:
        super().__init__()
        self.av_cross_attn_video_scale_shift = Modulation()
        self.av_cross_attn_audio_scale_shift = Modulation()
        self.gate = Modulation()

    def forward(self, **told: Tensor) -> None:
        self.av_cross_attn_video_scale_shift(told["audio_sigma"], batch_size=1)
        self.av_cross_attn_audio_scale_shift(told["sigma"], batch_size=1)
        self.gate(told["audio_sigma"], batch_size=1)


def heard(uneven: bool, audio: list[float]) -> dict[str, list[float]]:
    model: Any = Transformer()
    one, many = torch.tensor([700.0]), torch.tensor([[0.0, 350.0, 700.0]])
    times = torch.tensor(audio) if len(audio) == 1 else torch.tensor([audio])
    with own_times(model, lambda: uneven):
        model(timestep=many, audio_timestep=times, sigma=one, audio_sigma=one)
    assert not model._forward_pre_hooks
    assert not any(part._forward_pre_hooks for part in model.children())
    return {name: part.told[0].tolist() for name, part in model.named_children()}


def test_each_token_has_its_own_time():
    told = heard(True, [700.0])
    assert told["av_cross_attn_video_scale_shift"] == [0.0, 350.0, 700.0]
    assert told["av_cross_attn_audio_scale_shift"] == [700.0]
    assert told["gate"] == [700.0]


def test_where_all_are_alike_one_time_is_told():
    assert heard(False, [700.0])["av_cross_attn_video_scale_shift"] == [700.0]


@pytest.mark.parametrize(("audio", "gate"), [([0.0, 0.0], [0.0]), ([0.0, 700.0], [700.0])])
def test_sound_that_is_held_as_a_whole_has_no_noise(audio: list[float], gate: list[float]):
    told = heard(True, audio)
    assert told["av_cross_attn_audio_scale_shift"] == audio
    assert told["gate"] == gate
