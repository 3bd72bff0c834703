"""Log-mel spectrograms as the tiny audio VAE sees them. It knows nothing of what is heard."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

SAMPLE_RATE = 16000
HOP = 160
WINDOW = 1024
BINS = 32
FLOOR = 1e-4  # amplitude under which everything counts as silence
SHIFT, SCALE = 4.0, 4.0  # log amplitudes of about -9..1 to about -1.3..1.3


def _hertz_to_mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


@cache
def filters() -> Tensor:
    """Triangular mel filters (BINS, WINDOW / 2 + 1), HTK scale, 0 Hz to half the sample rate."""
    top = _hertz_to_mel(SAMPLE_RATE / 2)
    mels = torch.linspace(0, top, BINS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hertz = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    rising = (hertz[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hertz[None]) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp(min=0)


def mel_frames(samples: int) -> int:
    """Number of mel frames for a number of samples: one per HOP, cut to 4n + 1.

    The causal VAE wants that number, as the video VAE wants 8n + 1.
    """
    return max(1, (samples // HOP - 1) // 4 * 4 + 1)


def log_mel(sound: Tensor) -> Tensor:
    """Log-mel of sound (channels, samples): (channels, frames, BINS), about -1.3..1.3."""
    window = torch.hann_window(WINDOW, device=sound.device)
    spectrum = torch.stft(
        sound, WINDOW, HOP, window=window, center=True, pad_mode="constant", return_complex=True
    ).abs() / (WINDOW / 4)
    mel = filters().to(sound.device) @ spectrum
    frames = mel_frames(sound.shape[-1])
    return ((mel.clamp(min=FLOOR).log() + SHIFT) / SCALE).transpose(1, 2)[:, :frames]
