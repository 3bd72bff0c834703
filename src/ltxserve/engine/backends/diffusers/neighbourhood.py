"""Attention in which every token sees its neighbours only, for LTX-2.5's diffusion decoder.

By NATTEN's kernels where that package is installed and the tokens are on a GPU that it knows, else
in blocks by torch's own attention: the same sums on every device, slower. Near the ends of a grid
the window is moved inwards, so that everybody sees as many neighbours.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Sides = tuple[int, int, int]
BLOCK: Sides = (8, 8, 8)
"""Queries (frames, rows, columns) that are computed together; they see their windows' union."""


class Neighbourhood:
    """A processor of diffusers' neighbourhood attention: (B, T, H, W, C) in and out."""

    _attention_backend = None
    _parallel_config = None

    def __init__(self, kernel: Callable[..., Tensor] | None = None) -> None:
        self._kernel = kernel

    def __call__(self, attn: Any, hidden_states: Tensor, block_mask: Any = None) -> Tensor:
        del block_mask  # of diffusers' own processor: as large as all tokens squared
        query, key, value = (part.contiguous() for part in attn.project_qkv(hidden_states))
        if self._kernel is not None and query.is_cuda:
            query, key = query.to(value.dtype), key.to(value.dtype)
            seen = self._kernel(query, key, value, kernel_size=attn.kernel_size, scale=1.0)
        else:
            seen = in_blocks(query, key, value, attn.kernel_size)
        return attn.to_out[0](seen.reshape(hidden_states.shape))


def natten_kernel() -> Callable[..., Tensor] | None:
    """NATTEN's attention in three dimensions, None where the package is not installed."""
    if importlib.util.find_spec("natten") is None:
        return None
    return importlib.import_module("natten").na3d


def in_blocks(query: Tensor, key: Tensor, value: Tensor, kernel: Sides) -> Tensor:
    """Attention of (B, T, H, W, heads, d) to the `kernel` neighbours of each; queries are scaled.

    Memory grows with one row of blocks, not with the clip.
    """
    grid: Sides = tuple(query.shape[1:4])  # pyright: ignore[reportAssignmentType]
    axes = [_Axis(*sides, device=query.device) for sides in zip(grid, kernel, BLOCK, strict=True)]
    out = torch.empty_like(query)
    frames, rows, columns = axes
    wide = torch.stack([columns.keys(first) for first in columns.firsts])
    masks, seen_as = query.new_empty(0), None
    for t in frames.firsts:
        for h in rows.firsts:
            near = (slice(None), frames.span(t), rows.span(h))
            asked = query[:, t : t + frames.block, h : h + rows.block]
            asked = torch.stack(
                [asked[:, :, :, w : w + columns.block] for w in columns.firsts], dim=1
            )
            keys, values = (_gathered(part[near], wide) for part in (key, value))
            kind = frames.kind(t), rows.kind(h)
            if kind != seen_as:  # most are of the kind of the one before
                seen_as = kind
                masks = torch.stack(
                    [_mask(frames.sees(t), rows.sees(h), columns.sees(w)) for w in columns.firsts]
                )
            made = _attended(asked, keys, values, masks)
            for number, w in enumerate(columns.firsts):
                place = slice(t, t + frames.block), slice(h, h + rows.block)
                out[:, place[0], place[1], w : w + columns.block] = made[:, number]
    return out


class _Axis:
    """One side of a grid: its blocks, and which keys each of them needs.

    All blocks are of one length, and so are the keys that they need: the last ones overlap those
    before them rather than being shorter.
    """

    def __init__(self, length: int, kernel: int, block: int, device: torch.device) -> None:
        self.kernel = min(kernel, length)
        self.block = min(block, length)
        self.reach = min(length, self.block + self.kernel - 1)
        self.firsts = sorted(
            {min(first, length - self.block) for first in range(0, length, self.block)}
        )
        self._length = length
        self._device = device

    def span(self, first: int) -> slice:
        """The keys of the block that begins at `first`."""
        start = max(0, min(first - self.kernel // 2, self._length - self.reach))
        return slice(start, start + self.reach)

    def keys(self, first: int) -> Tensor:
        """The same, as numbers."""
        span = self.span(first)
        return torch.arange(span.start, span.stop, device=self._device)

    def kind(self, first: int) -> int:
        """Blocks of one kind see alike: -1 those whose windows are all whole, else each its own."""
        start, end = first - self.kernel // 2, first + self.block + (self.kernel - 1) // 2
        return -1 if start >= 0 and end <= self._length else first

    def sees(self, first: int) -> Tensor:
        """Which of the block's keys each of its queries sees: (block, reach)."""
        asked = torch.arange(first, first + self.block, device=self._device)
        starts = (asked - self.kernel // 2).clamp(0, self._length - self.kernel)[:, None]
        keys = self.keys(first)[None]
        return (keys >= starts) & (keys < starts + self.kernel)


def _mask(frames: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Which keys each query of a block sees: (queries, keys)."""
    both = frames[:, None, None, :, None, None] & rows[None, :, None, None, :, None]
    every = both & columns[None, None, :, None, None, :]
    return every.flatten(3).flatten(0, 2)


def _gathered(part: Tensor, wide: Tensor) -> Tensor:
    """(B, t, h, W, heads, d) as the columns of each block: (B, blocks, t, h, w, heads, d)."""
    found = part[:, :, :, wide.flatten()].unflatten(3, tuple(wide.shape))
    return found.movedim(3, 1)


def _attended(query: Tensor, key: Tensor, value: Tensor, masks: Tensor) -> Tensor:
    """Attention of blocks (B, blocks, t, h, w, heads, d); masks: (blocks, queries, keys)."""
    shape = query.shape
    # Four dimensions: with five, torch takes its slowest way, which keeps every score.
    flat = [part.flatten(2, 4).flatten(0, 1).transpose(1, 2) for part in (query, key, value)]
    seen = masks.repeat(shape[0], 1, 1)[:, None]
    made = functional.scaled_dot_product_attention(*flat, attn_mask=seen, scale=1.0)
    return made.transpose(1, 2).reshape(shape)
