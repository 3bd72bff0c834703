"""Fits the audio VAE and the vocoder on sounds of drawn scenes. It knows no video and no text."""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from torch import Tensor

from ltxserve.training.tiny import mel
from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.fitting import Fitting, OneFitting
from ltxserve.training.tiny.model import build_audio_vae, build_vocoder
from ltxserve.training.tiny.scene import random_scene
from ltxserve.training.tiny.sheet import save_sheet
from ltxserve.training.tiny.sound import sound_of

CROP = 8000  # samples of a training crop: half a second
WINDOWS = (256, 512, 1024, 2048)
LATENT_NOISE = 0.1


def random_sound(seed: int, samples: int = CROP) -> Tensor:
    """A stretch of a random scene's sound: (2, samples)."""
    sound = sound_of(random_scene(seed), Canvas(256, 256, 49))
    first = Random(f"sound {seed}").randrange(sound.shape[1] - samples + 1)
    return sound[:, first : first + samples]


def _batch(number: int, count: int, device: str) -> Tensor:
    return torch.stack([random_sound(number * count + i) for i in range(count)]).to(device)


class AudioVaeJob(OneFitting):
    """Trains the audio VAE on half-second mels."""

    name = "audio_vae"
    batch = 16

    def __init__(self, steps: int, device: str = "cpu") -> None:
        torch.manual_seed(2)
        self.steps, self.device = steps, device
        self.model = build_audio_vae().to(device)
        self.fitting = Fitting(self.model, muon_lr=0.01, adam_lr=1e-3)

    def step(self, number: int, scale: float) -> dict[str, float]:
        """One update on fresh sounds."""
        mels = torch.stack(
            [mel.log_mel(sound) for sound in _batch(number, self.batch, self.device)]
        )
        mean = self.model.encode(mels).latent_dist.mean
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(number)).to(
            self.device
        )
        again = self.model.decode(
            mean + LATENT_NOISE * mean.detach().std().clamp(min=0.1) * noise
        ).sample
        error = again - mels[:, :, : again.shape[2]]
        loss = error.abs().mean() + error.square().mean() + 1e-3 * mean.square().mean()
        self.fitting.update(loss, scale)
        return {"error": error.abs().mean().item()}

    @torch.inference_mode()
    def sample(self, folder: Path, number: int) -> None:
        """Mels above their reconstructions."""
        mels = mel.log_mel(random_sound(10_000_001, 32000).to(self.device))[None]
        again = self.model.decode(self.model.encode(mels).latent_dist.mean).sample
        _save_mels(
            torch.cat([mels[0], again[0]]), folder / "samples" / f"audio_vae-{number:06d}.png"
        )


class VocoderJob(OneFitting):
    """Trains the vocoder from true mels to sound by spectra at several window lengths.

    Phases are free.
    """

    name = "vocoder"
    batch = 8

    def __init__(self, steps: int, device: str = "cpu") -> None:
        torch.manual_seed(3)
        self.steps, self.device = steps, device
        self.model = build_vocoder().to(device)
        self.fitting = Fitting(self.model, muon_lr=0.005, adam_lr=1e-3)

    def step(self, number: int, scale: float) -> dict[str, float]:
        """One update on fresh sounds."""
        sounds = _batch(number, self.batch, self.device)
        mels = torch.stack([mel.log_mel(sound) for sound in sounds])
        noise = torch.randn(mels.shape, generator=torch.Generator().manual_seed(number)).to(
            self.device
        )
        made = self.model(mels + 0.03 * noise)
        length = min(made.shape[-1], sounds.shape[-1])
        loss = spectral_distance(made[..., :length], sounds[..., :length])
        self.fitting.update(loss, scale)
        return {"distance": loss.item()}

    @torch.inference_mode()
    def sample(self, folder: Path, number: int) -> None:
        """Mels of a sound above the mels of what the vocoder makes of it."""
        sound = random_sound(10_000_001, 32000).to(self.device)
        mels = mel.log_mel(sound)
        made = self.model(mels[None])[0]
        again = mel.log_mel(made)[:, : mels.shape[1]]
        _save_mels(
            torch.cat([mels[:, : again.shape[1]], again]),
            folder / "samples" / f"vocoder-{number:06d}.png",
        )


def spectral_distance(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean distance of magnitudes and log magnitudes over several windows.

    Sounds are (batch, 2, samples), of the same length and longer than half the longest window.
    """
    made, wanted = made.flatten(0, 1), wanted.flatten(0, 1)
    total = made.new_zeros(())
    for length in WINDOWS:
        window = torch.hann_window(length, device=made.device)
        one, two = (
            torch.stft(s, length, length // 4, window=window, return_complex=True).abs().add(1e-5)
            / length**0.5
            for s in (made, wanted)
        )
        converging = (one - two).norm() / two.norm().clamp(min=0.1)
        logs = ((one + 1e-3).log() - (two + 1e-3).log()).abs().mean()
        total = total + converging + logs + 2 * (one - two).abs().mean()
    return total / len(WINDOWS)


def _save_mels(mels: Tensor, path: Path) -> None:
    picture = torch.cat(list(mels.flip(2).transpose(1, 2)), dim=0)[None].expand(3, -1, -1) / 1.4
    save_sheet(picture.repeat_interleave(3, 1).repeat_interleave(3, 2), path)
