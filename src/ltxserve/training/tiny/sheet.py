"""Writes tensors as pictures for sample sheets. It knows nothing of what they show."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from torch import Tensor


def save_sheet(picture: Tensor, path: Path) -> None:
    """Save a picture (3, height, width) in -1..1 as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = ((picture.float() + 1) * 127.5).round().clamp(0, 255).byte()
    Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy()).save(path)
