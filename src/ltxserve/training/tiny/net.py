"""The networks that turn words and noise into latents, as one module. It knows no training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ltxserve.training.tiny.model import (
    MAX_TOKENS,
    build_connectors,
    build_text_encoder,
    build_tokenizer,
    build_transformer,
)


class Net(nn.Module):
    """Text encoder, connectors, transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.tokenizer = build_tokenizer()
        self.text_encoder = build_text_encoder()
        self.connectors = build_connectors()
        self.transformer = build_transformer()
        # The vision tower is there for the class' sake only.
        for name, weight in self.text_encoder.named_parameters():
            weight.requires_grad = "vision" not in name and "multi_modal" not in name

    def read(self, texts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Texts as what the transformer attends to: for video, for audio, and their mask.

        Each is (b, MAX_TOKENS, width), the mask (b, MAX_TOKENS).
        """
        encoded = self.tokenizer(
            texts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
        ).to(self.text_encoder.device)
        hidden = self.text_encoder.model(
            input_ids=encoded.input_ids,
            attention_mask=encoded.attention_mask,
            output_hidden_states=True,
        ).hidden_states
        return self.connectors(
            torch.stack(hidden, -1).flatten(2, 3), encoded.attention_mask, padding_side="left"
        )
