"""Reads LTX-2.5's text encoder: one file with Gemma 4's weights, configuration and tokenizer.

The projection that lies in the same file belongs to the connectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ltxserve.engine.backends.diffusers.reading.shelf import SHELF, EncoderKey
from ltxserve.engine.backends.diffusers.reading.tensors import TensorFile, open_tensors
from ltxserve.engine.backends.diffusers.reading.texts import TextParts, filled, reading

TOKENIZER = "tokenizer_json"
ASSET = "hf_asset__"
"""What names of embedded files begin with; they are stored as numbers, one a byte."""
PROJECTION = "text_embedding_projection."
MOST_TOKENS = 1024
_FLAT = {
    "model.layers.": "model.language_model.layers.",
    "model.embed_tokens.": "model.language_model.embed_tokens.",
    "model.norm.": "model.language_model.norm.",
    "vision_model.": "model.vision_embedder.",
    "multi_modal_projector.": "model.embed_vision.",
    "audio_projector.": "model.embed_audio.",
}
"""Beginnings of names as ComfyUI wants them -> as Google publishes them."""
_NOT_TOLD = {
    "tokenizer_class", "auto_map", "model_max_length", "backend", "is_local", "local_files_only",
    "processor_class", "added_tokens_decoder",
}  # fmt: skip
"""Of a tokenizer's configuration: what is for loading it from a folder alone."""


def read_gemma_4(path: Path, dtype: torch.dtype, wanted: str | None = None) -> TextParts:
    """The encoder and its tokenizer. wanted: the version that the transformer was trained with.

    Raises ModelUnavailable `weights_corrupt`, also for Gemma 4 of another version.
    """
    from transformers import Gemma4UnifiedConfig, Gemma4UnifiedForConditionalGeneration

    file = open_tensors(path)
    with reading("text_encoder", path):
        told = file.told("gemma_config")
        if told.get("model_type") != "gemma4_unified":
            raise ValueError(f"it holds {told.get('model_type') or 'no Gemma'}, not gemma4_unified")
        if wanted is not None and told.get("gemma_version") != wanted:
            raise ValueError(f"the model wants {wanted}, this is {told.get('gemma_version')}")
        config = Gemma4UnifiedConfig.from_dict(told)
        encoder = SHELF.get(
            EncoderKey.of(path, dtype),
            lambda: filled(
                Gemma4UnifiedForConditionalGeneration, config, dict(_weights(file)), dtype
            ),
        )
        return TextParts(encoder, _tokenizer(file))


def wanted_version(transformer: TensorFile) -> str | None:
    """The version of Gemma that a transformer's file asks for."""
    version = transformer.told("gemma_source_checkpoint").get("gemma_version")
    return None if version is None else str(version)


def _weights(file: TensorFile) -> Iterator[tuple[str, Tensor]]:
    names = [n for n in file.entries if not n.startswith((TOKENIZER, ASSET, PROJECTION))]
    for name, tensor in file.read(names):
        start = next((flat for flat in _FLAT if name.startswith(flat)), "")
        yield (_FLAT[start] + name.removeprefix(start) if start else name), tensor


def _tokenizer(file: TensorFile) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    if TOKENIZER not in file.entries:
        raise ValueError(f"it has no {TOKENIZER}")
    named = "tokenizer_config.json"
    asset = f"{ASSET}{named}"
    told: Mapping[str, Any] = (
        json.loads(_bytes(file, asset)) if asset in file.entries else file.told(named)
    )
    options = {key: value for key, value in told.items() if key not in _NOT_TOLD}
    made = Tokenizer.from_buffer(_bytes(file, TOKENIZER))
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=MOST_TOKENS, **options)


def _bytes(file: TensorFile, name: str) -> bytes:
    tensor = next(tensor for _, tensor in file.read([name]))
    return tensor.to(torch.uint8).numpy().tobytes()
