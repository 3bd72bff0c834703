"""The networks as one module: what they read, and what of them is trained."""

from __future__ import annotations

import torch

from ltxserve.training.tiny.model import MAX_TOKENS, TEXT_WIDTH
from ltxserve.training.tiny.net import Net


def test_the_vision_tower_is_not_trained() -> None:
    trained = [name for name, weight in Net().named_parameters() if weight.requires_grad]
    assert any("language_model" in name for name in trained)
    assert not any("vision" in name for name in trained)


@torch.inference_mode()
def test_texts_become_one_sequence_for_video_and_one_for_sound() -> None:
    video, audio, mask = Net().read(["a red ball", ""])
    assert video.shape == audio.shape == (2, MAX_TOKENS, TEXT_WIDTH)
    assert mask.shape[-1] == MAX_TOKENS
    assert not torch.equal(video[0], video[1])
