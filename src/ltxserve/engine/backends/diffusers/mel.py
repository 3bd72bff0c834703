"""Sound as log-mel pictures, the way a model's sound encoder was trained on; it knows no model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ltxserve.catalog.spec import Mel

# Slaney's scale: 200/3 Hz a mel up to 1000 Hz, from there 27 mels for every factor of 6.4.
_LINEAR = 200.0 / 3
_BREAK = 1000.0
_LOG_STEP = math.log(6.4) / 27


@dataclass(frozen=True)
class Grid:
    """Samples per second, samples from one mel frame to the next, and mel bins."""

    rate: int
    hop: int
    bins: int


def log_mel(sound: Tensor, mel: Mel, grid: Grid) -> Tensor:
    """Log-mel of sound (channels, samples) at `grid.rate`: (channels, frames, bins).

    Frame i lies around sample i * hop; there are samples // hop + 1 of them.
    """
    window = torch.hann_window(mel.window, device=sound.device)
    if sound.shape[-1] <= mel.window // 2:  # shorter than what is reflected at its ends
        sound = torch.nn.functional.pad(sound, (0, mel.window // 2 + 1 - sound.shape[-1]))
    spectrum = torch.stft(
        sound,
        mel.window,
        grid.hop,
        window=window,
        center=True,
        pad_mode=mel.pad,
        return_complex=True,
    ).abs()
    gathered = filters(mel, grid).to(sound.device) @ spectrum
    return ((gathered.clamp(min=mel.floor).log() + mel.shift) / mel.scale).transpose(1, 2)


def filters(mel: Mel, grid: Grid) -> Tensor:
    """Triangular filters (bins, window // 2 + 1) from 0 Hz to half the rate."""
    slaney = mel.filters == "slaney"
    top = _to_slaney(grid.rate / 2) if slaney else _to_htk(grid.rate / 2)
    mels = torch.linspace(0, top, grid.bins + 2)
    edges = _from_slaney(mels) if slaney else 700 * (10 ** (mels / 2595) - 1)
    hertz = torch.linspace(0, grid.rate / 2, mel.window // 2 + 1)
    rising = (hertz[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hertz[None]) / (edges[2:] - edges[1:-1])[:, None]
    shaped = torch.minimum(rising, falling).clamp(min=0)
    if slaney:
        return shaped * (2 / (edges[2:] - edges[:-2]))[:, None]
    return shaped / (mel.window / 4)


def _to_htk(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _to_slaney(hertz: float) -> float:
    if hertz < _BREAK:
        return hertz / _LINEAR
    return _BREAK / _LINEAR + math.log(hertz / _BREAK) / _LOG_STEP


def _from_slaney(mels: Tensor) -> Tensor:
    above = _BREAK * torch.exp(_LOG_STEP * (mels - _BREAK / _LINEAR))
    return torch.where(mels < _BREAK / _LINEAR, mels * _LINEAR, above)
