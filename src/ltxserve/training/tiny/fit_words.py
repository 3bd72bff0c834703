"""Fits text encoder and connectors to captions alone: a minute of it saves an hour of pictures.

What a caption says of its scene is read back from what the transformer will attend to. It knows
no pixels; the readers that ask are thrown away.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ltxserve.training.tiny.caption import caption
from ltxserve.training.tiny.fitting import Fitting, autocast
from ltxserve.training.tiny.net import Net
from ltxserve.training.tiny.scene import Scene, random_scene
from ltxserve.training.tiny.words import world

SEEDS = 2_000_000_000  # of scenes for captions; those of stills start at 1 billion


class Reader(nn.Module):
    """Answers a question per colour (is it there, and what has it?) and one about the scene.

    Colours carry the questions, so that what belongs to which thing has to be told.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        known = world()
        per_color = [1, len(known.shapes), len(known.sizes), len(known.motions)]
        per_scene = [len(known.backgrounds), len(known.cameras), 1]
        self.questions = nn.Parameter(torch.randn(len(known.colors) + 1, width) * 0.1)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.color_heads = nn.ModuleList(nn.Linear(width, size) for size in per_color)
        self.scene_heads = nn.ModuleList(nn.Linear(width, size) for size in per_scene)

    def forward(self, words: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Logits by colour, (b, colours, n) each, and by scene, (b, n) each, of words (b, t, w)."""
        asked = self.questions.expand(len(words), -1, -1)
        heard, _ = self.attention(asked, words, words, need_weights=False)
        return (
            [head(heard[:, :-1]) for head in self.color_heads],
            [head(heard[:, -1]) for head in self.scene_heads],
        )


def answers(scenes: list[Scene]) -> tuple[Tensor, Tensor]:
    """What is true: by colour (b, colours, 4), with -1 where nothing is, and by scene (b, 3)."""
    known = world()
    colors, shapes, sizes, motions, backgrounds, cameras = (
        {name: i for i, name in enumerate(table)}
        for table in (
            known.colors,
            known.shapes,
            known.sizes,
            known.motions,
            known.backgrounds,
            known.cameras,
        )
    )
    by_color = torch.full((len(scenes), len(colors), 4), -1)
    by_color[..., 0] = 0
    for row, scene in enumerate(scenes):
        for thing in scene.things:
            place = by_color[row, colors[thing.color]]
            taken = bool(place[0])  # two things of one colour: the question has no one answer
            found = (shapes[thing.shape], sizes[thing.size], motions[thing.motion])
            place[1:] = -1 if taken else torch.tensor(found)
            place[0] = 1
    by_scene = torch.tensor(
        [(backgrounds[s.background], cameras[s.camera], s.silent) for s in scenes]
    )
    return by_color, by_scene


def reading_loss(said: tuple[list[Tensor], list[Tensor]], true: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of all answers."""
    (there, *attributes), (*chosen, silent) = said
    by_color, by_scene = true
    loss = functional.binary_cross_entropy_with_logits(there[..., 0], by_color[..., 0].float())
    for i, logits in enumerate(attributes):
        target = by_color[..., i + 1].flatten()
        loss = loss + functional.cross_entropy(logits.flatten(0, 1), target, ignore_index=-1)
    for i, logits in enumerate(chosen):
        loss = loss + functional.cross_entropy(logits, by_scene[:, i])
    return loss + functional.binary_cross_entropy_with_logits(silent[:, 0], by_scene[:, -1].float())


class WordsJob:
    """Trains on captions of scenes that nothing else is trained on."""

    name = "words"

    def __init__(self, steps: int, device: str = "cpu", batch: int = 64) -> None:
        torch.manual_seed(6)
        self.steps, self.device, self.batch = steps, device, batch
        self.net = Net().to(device)
        width = self.net.connectors.config.caption_channels
        self.readers = nn.ModuleList([Reader(width), Reader(width)]).to(device)
        fitted = nn.ModuleList([self.net.text_encoder, self.net.connectors, self.readers])
        self.fitting = Fitting(fitted, muon_lr=0.01, adam_lr=2e-3)

    def step(self, number: int, scale: float) -> dict[str, float]:
        """One update."""
        chance = Random(f"words {number}")
        first = SEEDS + number * self.batch
        scenes = [random_scene(first + i) for i in range(self.batch)]
        texts = [caption(scene, chance) for scene in scenes]
        true = tuple(answer.to(self.device) for answer in answers(scenes))
        with autocast(self.device):
            heard = self.net.read(texts)[:2]
            video, audio = (
                reading_loss(reader(words), (true[0], true[1]))
                for reader, words in zip(self.readers, heard, strict=True)
            )
        self.fitting.update(video + audio, scale)
        return {"video": video.item(), "audio": audio.item()}

    def state(self) -> dict[str, Any]:
        """What is needed to go on, and all the networks, most of them as they began."""
        return {**self.fitting.state(), "average": self.net.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.net.load_state_dict(state["average"])
        self.fitting.restore(state)

    def sample(self, folder: Path, number: int) -> None:
        """Nothing to draw."""
