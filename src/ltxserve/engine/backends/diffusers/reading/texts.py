"""Reads text encoders and their tokenizers from the folders and files they are published in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ltxserve.engine.backends.diffusers.reading.shelf import SHELF, EncoderKey
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from ltxserve.errors import ModelUnavailable


@dataclass(frozen=True)
class TextParts:
    """A text encoder and its tokenizer."""

    encoder: Any
    tokenizer: Any


def read_gemma_3(folder: Path, dtype: torch.dtype) -> TextParts:
    """Gemma 3 of LTX-2 and 2.3, from the folder that Google and Lightricks publish."""
    from transformers import AutoTokenizer, Gemma3Config, Gemma3ForConditionalGeneration

    with reading("text_encoder", folder):
        config = Gemma3Config.from_pretrained(str(folder), local_files_only=True)
        _of_type(config, "gemma3", folder)
        encoder = SHELF.get(
            EncoderKey.of(folder, dtype),
            lambda: filled(Gemma3ForConditionalGeneration, config, _folder_tensors(folder), dtype),
        )
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    return TextParts(encoder, tokenizer)


def read_t5(folder: Path, tokenizer: Path, dtype: torch.dtype) -> TextParts:
    """T5-XXL of LTX-Video; its folder and the one of its tokenizer."""
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    with reading("text_encoder", folder):
        config = T5Config.from_pretrained(str(folder), local_files_only=True)
        _of_type(config, "t5", folder)
        encoder = SHELF.get(
            EncoderKey.of(folder, dtype),
            lambda: filled(T5EncoderModel, config, _folder_tensors(folder), dtype),
        )
    with reading("tokenizer", tokenizer):
        words = T5TokenizerFast.from_pretrained(str(tokenizer), local_files_only=True)
    return TextParts(encoder, words)


def read_encoder(kind: str, folder: Path, dtype: torch.dtype) -> Any:
    """A text encoder of the diffusers form; kind: its class in transformers."""
    import transformers

    with reading("text_encoder", folder):
        made = getattr(transformers, kind, None)
        if made is None:
            raise ValueError(f"transformers has no {kind}")
        config = made.config_class.from_pretrained(str(folder), local_files_only=True)
        return SHELF.get(
            EncoderKey.of(folder, dtype),
            lambda: filled(made, config, _folder_tensors(folder), dtype),
        )


def _folder_tensors(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for path in shards(folder):
        file = open_tensors(path)
        found.update(file.read(file.entries))
    return found


def shards(folder: Path) -> list[Path]:
    """The files of weights of a folder, in order."""
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if not indexes:
        return sorted(folder.glob("*.safetensors"))
    names = set(json.loads(indexes[0].read_text("utf-8"))["weight_map"].values())
    return [folder / name for name in sorted(names)]


def filled(kind: Any, config: Any, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> Any:
    """A model of transformers with these weights. Raises ValueError where they do not fit."""
    model, found = kind.from_pretrained(
        None, config=config, state_dict=dict(tensors), dtype=dtype, output_loading_info=True
    )
    lacking, extra = sorted(found["missing_keys"]), sorted(found["unexpected_keys"])
    if lacking:  # transformers fills them with random numbers and goes on
        raise ValueError(f"{len(lacking)} weights are missing, such as {lacking[0]}")
    if extra:
        raise ValueError(f"{len(extra)} weights belong to another model, such as {extra[0]}")
    return model.requires_grad_(False).eval()


def _of_type(config: Any, wanted: str, place: Path) -> None:
    if config.model_type != wanted:
        raise ValueError(f"{place.name} holds a {config.model_type}, not a {wanted}")


@contextmanager
def reading(part: str, place: Path) -> Iterator[None]:
    """Inside, errors of the model libraries become ModelUnavailable `weights_corrupt`."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, ImportError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        code = "backend_missing" if isinstance(error, ImportError) else "weights_corrupt"
        raise ModelUnavailable(
            code,
            f"{part} cannot be loaded from {place.name}: {first[:200]}",
            "Run `ltxserve models verify` for the model, and pull it again.",
            "model",
        ) from error
