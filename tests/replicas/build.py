"""Makes replicas: small files with the vendor's names, types, shapes and metadata."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.replicas.configs import ALL, UPSCALERS, Config

RECORDED = Path(__file__).parent / "recorded"
MODEL = "model.diffusion_model."
_ONES = re.compile(r"(norm\d?|norm_[qk]|[qk]_norm|std-of-means|per_channel_scale\d|\.act\.alpha)")
_QUANTIZED = re.compile(r"transformer_blocks\.\d+\..*(attn|ff).*\.weight$")
_LARGEST = 448.0  # of float8_e4m3fn


def shapes_of(config: Config) -> dict[str, tuple[int, ...]]:
    """Every tensor of the vendor's class of this configuration; stars are blocks."""
    recorded = json.loads((RECORDED / f"{config.name}.json").read_text("utf-8"))
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in recorded.items():
        kind = "transformer_1d_blocks" if "transformer_1d_blocks" in name else "transformer_blocks"
        count = config.blocks[kind] if "*" in name else 1
        found.update({name.replace("*", str(n)): tuple(shape) for n in range(count)})
    return found


@dataclass(frozen=True)
class Replica:
    """The tensors of a checkpoint and what its header says besides them."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    def save(self, path: Path, **changed: str) -> Path:
        """Write it as one file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(dict(self.tensors), path, {**self.metadata, **changed})
        return path

    def part(self, *starts: str) -> Replica:
        """The tensors whose names begin so."""
        chosen = {n: t for n, t in self.tensors.items() if n.startswith(starts)}
        return Replica(chosen, self.metadata)


def replica(name: str, dtype: torch.dtype = torch.bfloat16, seed: int = 0) -> Replica:
    """A checkpoint of one file with random weights of sensible size."""
    config = ALL[name]
    version = name.removesuffix("-small").partition("-")[2]
    generator = torch.Generator().manual_seed(seed)
    tensors = {n: random_tensor(n, s, generator).to(dtype) for n, s in shapes_of(config).items()}
    return Replica(tensors, {"config": json.dumps(config.metadata), "model_version": version})


def upscaler(name: str, dtype: torch.dtype = torch.bfloat16, seed: int = 0) -> Replica:
    """A latent upscaler with random weights, by its name in `UPSCALERS`."""
    config = UPSCALERS[name]
    generator = torch.Generator().manual_seed(seed)
    shapes = shapes_of(config)
    tensors = {n: random_tensor(n, s, generator).to(dtype) for n, s in shapes.items()}
    return Replica(tensors, {"config": json.dumps(config.metadata)})


def scaled_fp8(whole: Replica) -> Replica:
    """The same in the vendor's scaled fp8: weights of attention and feed-forward, with scales.

    The first block stays as it is, as in the vendor's files (there, the last five do too).
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in whole.tensors.items():
        inside = name.startswith(f"{MODEL}transformer_blocks.") and "blocks.0." not in name
        if not (inside and tensor.ndim == 2 and _QUANTIZED.search(name)):
            tensors[name] = tensor
            continue
        scale = tensor.float().abs().max() / _LARGEST
        layer = name.removesuffix(".weight")
        tensors[name] = (tensor.float() / scale).to(torch.float8_e4m3fn)
        tensors[f"{layer}.weight_scale"] = scale
        tensors[f"{layer}.input_scale"] = torch.tensor(0.1)
    return Replica(tensors, whole.metadata)


def plain_fp8(whole: Replica) -> Replica:
    """The same as LTX-Video's fp8 files have it: every matrix of a block cast, no scales."""
    tensors = dict(whole.tensors)
    for name, tensor in whole.tensors.items():
        if name.startswith(f"{MODEL}transformer_blocks.") and tensor.ndim == 2:
            tensors[name] = tensor.to(torch.float8_e4m3fn)
    return Replica(tensors, whole.metadata)


def random_tensor(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    if "std-of-means" in name:
        return torch.ones(shape)
    if "mean-of-means" in name:
        return torch.zeros(shape)
    noise = torch.randn(shape, generator=generator)
    if len(shape) == 0:
        return torch.tensor(1000.0)  # the VAE's timestep_scale_multiplier
    if name.endswith(".bias") or "alpha" in name or "beta" in name:
        return noise * 0.01
    if len(shape) == 1:
        return 1 + noise * 0.01 if _ONES.search(name) else noise * 0.01
    fan_in = torch.Size(shape[1:]).numel()
    return noise / fan_in**0.5


def write_gemma_3(folder: Path, config: Config, seed: int = 0) -> Path:
    """A small Gemma 3 as it is published: a shard index, the old names, a tokenizer."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    torch.manual_seed(seed)
    text = {
        "vocab_size": len(LETTERS), "hidden_size": config.text_width, "intermediate_size": 64,
        "num_hidden_layers": config.text_layers, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 1024,
        "sliding_window": 64, "query_pre_attn_scalar": 16, "pad_token_id": 0, "eos_token_id": 1,
        "bos_token_id": 2,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    model: Any = Gemma3ForConditionalGeneration(
        Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    )
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="100KB")
    _write_tokenizer(folder)
    return folder


GEMMA_VERSION = "gemma4-12b-ltx-v1"


def write_gemma_4(path: Path, config: Config, projection: Replica, flat: bool = False) -> Path:
    """LTX-2.5's text encoder in one file: weights, projection, configuration, tokenizer."""
    from transformers import Gemma4UnifiedConfig, Gemma4UnifiedForConditionalGeneration

    torch.manual_seed(0)
    text = {
        "vocab_size": len(LETTERS), "hidden_size": config.text_width, "intermediate_size": 64,
        "num_hidden_layers": config.text_layers, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 1024,
        "sliding_window": 64, "layer_types": ["sliding_attention", "full_attention"],
        "per_layer_config": {"1": {"head_dim": 32}}, "pad_token_id": 0, "eos_token_id": 1,
        "bos_token_id": 2,
    }  # fmt: skip
    model: Any = Gemma4UnifiedForConditionalGeneration(Gemma4UnifiedConfig(text_config=text))
    tensors = {n: t.clone() for n, t in model.to(torch.bfloat16).state_dict().items()}
    del tensors["lm_head.weight"]  # the same numbers as the embeddings
    if flat:
        tensors = {n.replace("model.language_model.", "model."): t for n, t in tensors.items()}
    tensors.update(projection.part("text_embedding_projection.").tensors)
    files = {"tokenizer_json": _tokenizer().to_str(), "hf_asset__tokenizer_config.json": _SPECIAL}
    for name, content in files.items():
        tensors[name] = torch.tensor(list(content.encode()), dtype=torch.uint8)
    told = {**model.config.to_dict(), "gemma_version": GEMMA_VERSION}
    return Replica(tensors, {"gemma_config": json.dumps(told)}).save(path)


_SPECIAL = json.dumps(
    {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "tokenizer_class": "X"}
)
LETTERS = ["<pad>", "<eos>", "<bos>", "<unk>", *(chr(n) for n in range(32, 127))]


def _tokenizer() -> Any:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    vocabulary = {letter: number for number, letter in enumerate(LETTERS)}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    made.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    return made


def _write_tokenizer(folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(), pad_token="<pad>", eos_token="<eos>", bos_token="<bos>",
        unk_token="<unk>", model_max_length=1024,
    ).save_pretrained(folder)  # fmt: skip


def write_t5(folder: Path, width: int = 64, seed: int = 0) -> Path:
    """A small T5 encoder and its tokenizer, in the two folders of PixArt's repository."""
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=128, d_model=width, d_kv=16, d_ff=64, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip
    T5EncoderModel(config).save_pretrained(folder / "text_encoder", max_shard_size="100KB")
    write_pieces(folder / "tokenizer")
    return folder


def write_pieces(folder: Path) -> None:
    """A SentencePiece model of letters, which is all that T5's folder has."""
    pieces: Any = importlib.import_module("sentencepiece.sentencepiece_model_pb2")
    model = pieces.ModelProto()
    special = [("<pad>", 3), ("</s>", 3), ("<unk>", 2)]
    normal = ["▁", *(chr(n) for n in range(33, 127))]
    for piece, kind in (*special, *((letter, 1) for letter in normal)):
        model.pieces.add(piece=piece, score=0.0, type=kind)
    model.trainer_spec.model_type = 1
    model.trainer_spec.unk_id = 2
    model.trainer_spec.pad_id = 0
    model.trainer_spec.eos_id = 1
    model.trainer_spec.bos_id = -1
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(model.SerializeToString())
    config = {
        "tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "pad_token": "<pad>",
        "unk_token": "<unk>", "extra_ids": 0, "model_max_length": 512,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
