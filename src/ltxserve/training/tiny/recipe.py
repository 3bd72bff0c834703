"""The training of the built-in model: its fittings in order, each resumable, then the assembly.

It knows the order and the sizes, not how a part is fitted.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import resources
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import nn

from ltxserve.training.tiny.assemble import Fitted, assemble
from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.fit_sound import AudioVaeJob, VocoderJob
from ltxserve.training.tiny.fit_transformer import TransformerJob
from ltxserve.training.tiny.fit_vae import DecoderJob, VaeJob
from ltxserve.training.tiny.fit_words import WordsJob
from ltxserve.training.tiny.latents import (
    SHARD,
    Batch,
    Encoders,
    encode_clips,
    joined,
    measure_spread,
    read_shard,
    write_shard,
)
from ltxserve.training.tiny.loop import Run, checkpoint_path, train
from ltxserve.training.tiny.model import build_audio_vae, build_vae, build_vocoder
from ltxserve.training.tiny.net import Net
from ltxserve.training.tiny.plot import plot_losses
from ltxserve.training.tiny.sampling import sheet_sampler
from ltxserve.training.tiny.scene import is_free, is_plain, random_scene

STEPS_PER_SHARD = 15  # how fast the pool of encoded clips grows
CLIP = Canvas(256, 256, 49)
STILL = Canvas(256, 256, 1)
GUIDANCE = 2.0  # that the last stage learns to do without
MOMENTS = 2  # latent frames of a clip that the stage of that name sees
ANY_STILL = 20  # one seed in so many is a still of any staged scene
STILLS_BETWEEN = 3  # one batch in so many, of those of moments and whole clips, is of stills
STILL_STRIDE = 8  # seeds for each still of a batch: more than are passed over
STILL_SEEDS = 1_000_000_000  # scenes of stills; those of clips start at 0, of samples at 10 million


@dataclass(frozen=True)
class Recipe:
    """Steps and batches of each fitting; see recipe.toml.

    first_shards: of encoded clips, before the first step on clips.
    compiled: run the transformer's blocks through torch.compile, a third quicker; it needs a C++
    compiler and some minutes at the start.
    """

    vae_steps: int
    vae_batch: int
    decoder_steps: int
    audio_vae_steps: int
    vocoder_steps: int
    words_steps: int
    stills_steps: int
    stills_batch: int
    moments_steps: int
    moments_batch: int
    video_steps: int
    video_batch: int
    clips: int
    first_shards: int = 16
    compiled: bool = False


def recipe_for(device: str, **changes: Any) -> Recipe:
    """The recipe of a device's kind, with some values changed."""
    text = resources.files(__package__).joinpath("recipe.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return replace(Recipe(**table["cuda" if device.startswith("cuda") else "cpu"]), **changes)


def train_tiny(run: Run, recipe: Recipe, device: str, target: Path) -> bool:
    """Train what is not trained yet, then write the model; False if the minutes ran out first."""
    if not fit_vae(run, recipe, device):
        return False
    for job in (
        AudioVaeJob(recipe.audio_vae_steps, device),
        VocoderJob(recipe.vocoder_steps, device),
        WordsJob(recipe.words_steps, device),
    ):
        if not train(job, run):
            return False
    encoders = load_encoders(run, device)
    before = "words"
    for job in transformer_jobs(run, recipe, encoders):
        if not fit_next(run, recipe, job, before):
            return False
        before = job.name
    finish(run, encoders, target)
    return True


def fit_vae(run: Run, recipe: Recipe, device: str) -> bool:
    """Fit the video VAE, then its decoder alone: cheaper steps, and it is what is looked at."""
    if not train(VaeJob(recipe.vae_steps, device, recipe.vae_batch), run):
        return False
    job = DecoderJob(recipe.decoder_steps, device, recipe.vae_batch)
    if not checkpoint_path(run, job).exists():
        job.start_from(load_state(run, "vae")["model"])
    return train(job, run)


def transformer_jobs(run: Run, recipe: Recipe, encoders: Encoders) -> Iterator[TransformerJob]:
    """First frames, a few moments of clips, whole clips: most is learned where it costs least."""
    still, clip = (sheet_sampler(encoders, canvas) for canvas in (STILL, CLIP))
    device = encoders.device
    stills = fresh(encoders, STILL, recipe.stills_batch)
    yield TransformerJob("stills", recipe.stills_steps, stills, device, still)
    seen = recipe.stills_steps
    moments = stills_between(clips(run, recipe, encoders, recipe.moments_batch), stills, seen)
    yield TransformerJob("moments", recipe.moments_steps, moments, device, clip, MOMENTS)
    seen += recipe.moments_steps
    whole = stills_between(clips(run, recipe, encoders, recipe.video_batch), stills, seen)
    yield TransformerJob("video", recipe.video_steps, whole, device, clip, guidance=GUIDANCE)


def fit_next(run: Run, recipe: Recipe, job: TransformerJob, before: str) -> bool:
    """Fit the transformer further, from where the stage before left it."""
    if recipe.compiled:
        job.compile()
    if not checkpoint_path(run, job).exists():
        job.start_from(load_state(run, before)["average"])
    return train(job, run)


def stills_between(
    clips: Callable[[int], Batch], stills: Callable[[int], Batch], seen: int = 0
) -> Callable[[int], Batch]:
    """Batches of clips and, now and then, of stills: outlines go on being learned from new scenes,
    which the few clips of the pool would teach by heart. seen: stills of steps before are over."""

    def source(number: int) -> Batch:
        return stills(seen + number) if number % STILLS_BETWEEN == 0 else clips(number)

    return source


def clips(run: Run, recipe: Recipe, encoders: Encoders, size: int) -> Callable[[int], Batch]:
    """Batches of clips, from the pool where the recipe has one."""
    if recipe.clips == 0:
        return fresh(encoders, CLIP, size)
    return cached_clips(run, recipe, encoders, size)


def fresh(encoders: Encoders, canvas: Canvas, size: int) -> Callable[[int], Batch]:
    """Batches that are drawn and encoded as they are needed; stills are mostly of plain scenes."""
    still = canvas.num_frames == 1

    def source(number: int) -> Batch:
        seeds = count(STILL_SEEDS + STILL_STRIDE * number * size if still else number * size)
        shown = (seed for seed in seeds if not still or _is_shown_still(seed))
        return encode_clips(encoders, list(islice(shown, size)), canvas)

    return source


def _is_shown_still(seed: int) -> bool:
    """Staged scenes; nine of ten have one thing and no camera move, from which shapes are learned
    several times as quickly."""
    return not is_free(seed) and (seed % ANY_STILL == 0 or is_plain(random_scene(seed)))


def cached_clips(run: Run, recipe: Recipe, encoders: Encoders, size: int) -> Callable[[int], Batch]:
    """Batches out of a pool of clips that are encoded once, kept, and more with every few steps.

    Training begins after minutes of encoding, not after all of it; which clips a step may see
    depends on its number alone.
    """
    folder, pool = run.folder / "latents", []

    def source(number: int) -> Batch:
        shards = min(recipe.clips // SHARD, recipe.first_shards + number // STEPS_PER_SHARD)
        while len(pool) < shards:
            pool.append(read_shard(write_shard(encoders, folder, len(pool), CLIP)))
        rows = Random(f"pool {number}").sample(range(shards * SHARD), size)
        return joined([pool[row // SHARD].pick(torch.tensor([row % SHARD])) for row in rows])

    return source


def load_state(run: Run, name: str) -> dict[str, Any]:
    """What a fitting left."""
    return torch.load(run.folder / f"{name}.pt", map_location="cpu", weights_only=False)["state"]


def load_encoders(run: Run, device: str) -> Encoders:
    """The fitted VAEs with the spread of their latents, which is measured once and kept."""
    video, audio = build_vae(), build_audio_vae()
    for part, name in ((video, "decoder"), (audio, "audio_vae")):
        part.load_state_dict(load_state(run, name)["model"])
        part.to(device).eval()
    encoders = Encoders(video, audio, device)
    path = run.folder / "spread.pt"
    if not path.exists():
        measure_spread(encoders)
        torch.save([spread(video), spread(audio)], path)
    for part, kept in zip((video, audio), torch.load(path, weights_only=True), strict=True):
        part.latents_mean.copy_(kept[0])
        part.latents_std.copy_(kept[1])
    return encoders


def spread(vae: nn.Module) -> list[torch.Tensor]:
    """Mean and spread of a VAE's latents, as its buffers hold them."""
    return [vae.get_buffer("latents_mean").cpu(), vae.get_buffer("latents_std").cpu()]


def finish(run: Run, encoders: Encoders, target: Path) -> None:
    """Put the fitted parts together."""
    vocoder, net = build_vocoder(), Net()
    vocoder.load_state_dict(load_state(run, "vocoder")["model"])
    net.load_state_dict(load_state(run, "video")["average"])
    assemble(Fitted(encoders.video.cpu(), encoders.audio.cpu(), vocoder, net), target)
    plot_losses(run.folder, list(jobs_of(recipe_for("cpu"))), run.folder / "losses.png")


def jobs_of(recipe: Recipe) -> dict[str, int]:
    """Steps of every fitting by name, in order."""
    return {
        "vae": recipe.vae_steps,
        "decoder": recipe.decoder_steps,
        "audio_vae": recipe.audio_vae_steps,
        "vocoder": recipe.vocoder_steps,
        "words": recipe.words_steps,
        "stills": recipe.stills_steps,
        "moments": recipe.moments_steps,
        "video": recipe.video_steps,
    }
