"""Keeps the encodings of texts that were read before; knows no model and no device's memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Encoded = tuple[Tensor, Tensor]
"""Embeddings (1, tokens, width of all layers) and mask (1, tokens)."""
MOST_BYTES = 2**30


@dataclass(frozen=True)
class TextKey:
    """What an encoding depends on, within one text encoder."""

    text: str
    max_tokens: int


class PromptCache:
    """Encodings by text, in main memory; the least lately used is let go first.

    most: bytes of all together. One that is larger alone is not kept.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.bytes = 0
        self._kept: OrderedDict[TextKey, Encoded] = OrderedDict()

    def get(self, key: TextKey, encode: Callable[[], Encoded]) -> Encoded:
        """The encoding of a text: kept, or made and kept. On the device it was made on, if new."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        made = encode()
        size = sum(tensor.nbytes for tensor in made)
        if size <= self.most:
            self._kept[key] = (made[0].to("cpu"), made[1].to("cpu"))
            self.bytes += size
            while self.bytes > self.most:
                self._forget()
        return made

    def __contains__(self, key: TextKey) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.bytes = 0

    def _forget(self) -> None:
        _, oldest = self._kept.popitem(last=False)
        self.bytes -= sum(tensor.nbytes for tensor in oldest)
