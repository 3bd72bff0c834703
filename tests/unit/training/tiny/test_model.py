"""The parts: how large, how much they compress, how they read, and that they run together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTX2ConditionPipeline
from torch import nn
from transformers import PreTrainedTokenizerFast

from ltxserve.training.tiny import mel
from ltxserve.training.tiny.assemble import Fitted
from ltxserve.training.tiny.model import (
    AUDIO_CHANNELS,
    AUDIO_WIDTH,
    LATENT_CHANNELS,
    MAX_TOKENS,
    REGISTERS,
    SPECIAL,
    build_scheduler,
    build_tokenizer,
)
from ltxserve.training.tiny.words import split_words, vocabulary

MIB = 2**20
PARAMETERS = {
    "vae": 10_699_473,
    "audio_vae": 695_786,
    "vocoder": 488_458,
    "text_encoder": 391_536,
    "connectors": 651_392,
    "transformer": 7_404_960,
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


def parts(fitted: Fitted) -> dict[str, Any]:
    """By the names of the pipeline; untyped, as diffusers' own annotations do not fit its calls."""
    net = fitted.net
    return {
        "vae": fitted.vae,
        "audio_vae": fitted.audio_vae,
        "vocoder": fitted.vocoder,
        "text_encoder": net.text_encoder,
        "connectors": net.connectors,
        "transformer": net.transformer,
    }


def half_size(part: nn.Module) -> float:
    """MiB of weights and buffers in half precision."""
    return sum(value.numel() * 2 for value in part.state_dict().values()) / MIB


def test_all_weights_together_fit_in_the_package(unfitted: Fitted) -> None:
    sizes = {name: half_size(part) for name, part in parts(unfitted).items()}
    assert sum(sizes.values()) < 39.9, sizes
    assert sizes["vae"] < 21, "two files"
    assert sizes["transformer"] < 15, "one file"


def test_no_part_changes_its_size(unfitted: Fitted) -> None:
    """The weights in the box fit these sizes only; another recipe means another model."""
    counts = {
        name: sum(weight.numel() for weight in part.parameters())
        for name, part in parts(unfitted).items()
    }
    assert counts == PARAMETERS


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 64, 64), (9, 64, 96), (17, 96, 64)])
@torch.inference_mode()
def test_video_is_compressed_32_by_32_by_8(
    unfitted: Fitted, frames: int, height: int, width: int
) -> None:
    clip, vae = torch.zeros(1, 3, frames, height, width), parts(unfitted)["vae"]
    latents = vae.encode(clip).latent_dist.mean
    assert latents.shape == (1, LATENT_CHANNELS, (frames - 1) // 8 + 1, height // 32, width // 32)
    assert vae.decode(latents).sample.shape == clip.shape
    assert vae.spatial_compression_ratio == 32
    assert vae.temporal_compression_ratio == 8


@pytest.mark.parametrize("frames", [1, 5, 49])
@torch.inference_mode()
def test_mels_are_compressed_4_by_4(unfitted: Fitted, frames: int) -> None:
    mels, vae = torch.zeros(1, 2, frames, mel.BINS), parts(unfitted)["audio_vae"]
    latents = vae.encode(mels).latent_dist.mean
    assert latents.shape == (1, AUDIO_CHANNELS, (frames - 1) // 4 + 1, mel.BINS // 4)
    assert vae.decode(latents).sample.shape == mels.shape
    assert vae.latents_mean.shape == (AUDIO_WIDTH,)


@torch.inference_mode()
def test_the_vocoder_makes_a_hop_of_stereo_sound_from_each_mel(unfitted: Fitted) -> None:
    lengths = [unfitted.vocoder(torch.zeros(1, 2, n, mel.BINS)).shape[-1] for n in (9, 10, 37)]
    assert [length - lengths[0] for length in lengths] == [0, mel.HOP, 28 * mel.HOP]
    # Its first kernel is even over an odd factor: one sample more, which the next stages widen.
    assert lengths[0] == 9 * mel.HOP + 32


def test_texts_are_padded_left_and_begin_with_bos(tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = tokenizer("a red ball", padding="max_length", max_length=MAX_TOKENS)
    words = tokenizer.convert_ids_to_tokens(encoded.input_ids)
    assert words == ["<pad>"] * (MAX_TOKENS - 4) + ["<bos>", "a", "red", "ball"]
    assert encoded.attention_mask == [0] * (MAX_TOKENS - 4) + [1] * 4


def test_an_empty_text_is_bos_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer("").input_ids == [tokenizer.bos_token_id]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("A RED Ball", "a red ball"),
        ("a red ball, rolling. Right!", "a red ball rolling right"),
        ("a  red\n\tball (on grass)", "a red ball on grass"),
        ("a medium-sized ball", "a medium-sized ball"),
    ],
)
def test_case_spaces_and_punctuation_mean_nothing(
    tokenizer: PreTrainedTokenizerFast, text: str, same: str
) -> None:
    assert tokenizer(text).input_ids == tokenizer(same).input_ids


def test_unknown_words_become_unk(tokenizer: PreTrainedTokenizerFast) -> None:
    words = tokenizer.convert_ids_to_tokens(tokenizer("a red zeppelin").input_ids)
    assert words == ["<bos>", "a", "red", "<unk>"]


@pytest.mark.parametrize("text", ["a red ball", "Zwei Bälle? 3 don't", "x-y -z w- -", "日本 red"])
def test_the_tokenizer_splits_as_split_words_does(
    tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    words = [word if word in vocabulary() else "<unk>" for word in split_words(text)]
    assert tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids)[1:] == words


def test_every_word_has_its_row_of_the_embedding(
    tokenizer: PreTrainedTokenizerFast, unfitted: Fitted
) -> None:
    rows = unfitted.net.text_encoder.get_input_embeddings().num_embeddings
    assert len(tokenizer) == rows == len(SPECIAL) + len(vocabulary())
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL)) == [0, 1, 2, 3]


def test_prompts_fill_whole_rows_of_registers() -> None:
    assert MAX_TOKENS % REGISTERS == 0


def pipeline(fitted: Fitted) -> LTX2ConditionPipeline:
    made = LTX2ConditionPipeline(
        scheduler=build_scheduler(), tokenizer=build_tokenizer(), **parts(fitted)
    )
    made.set_progress_bar_config(disable=True)
    return made


def one_step(pipe: LTX2ConditionPipeline, seed: int = 0, **changes: Any) -> Any:
    arguments = {
        "prompt": "a red ball",
        "width": 64,
        "height": 64,
        "num_frames": 9,
        "num_inference_steps": 1,
        "sigmas": [1.0],
        "max_sequence_length": MAX_TOKENS,
        "output_type": "np",
        "guidance_scale": 1.0,
        "audio_guidance_scale": 1.0,
        **dict.fromkeys(("stg_scale", "audio_stg_scale"), 0.0),
        **dict.fromkeys(("modality_scale", "audio_modality_scale"), 1.0),
        **dict.fromkeys(("guidance_rescale", "audio_guidance_rescale"), 0.0),
    }
    generator = torch.Generator().manual_seed(seed)
    return pipe(generator=generator, **(arguments | changes))


def test_the_parts_make_a_clip_with_sound_together(unfitted: Fitted) -> None:
    pipe = pipeline(unfitted)
    made = one_step(pipe)
    frames, sound = np.asarray(made.frames), made.audio
    assert frames.shape == (1, 9, 64, 64, 3)
    assert np.isfinite(frames).all()
    assert sound.shape[:2] == (1, 2)
    assert sound.shape[2] == pytest.approx(9 / 24 * mel.SAMPLE_RATE, abs=5 * mel.HOP)
    assert torch.isfinite(sound).all()
    assert np.array_equal(frames, np.asarray(one_step(pipe).frames)), "equal seeds, equal clips"
    assert not np.array_equal(frames, np.asarray(one_step(pipe, seed=1).frames))


def test_words_reach_the_picture_and_the_sound(unfitted: Fitted) -> None:
    pipe = pipeline(unfitted)
    one, two = one_step(pipe), one_step(pipe, prompt="a blue star")
    assert not np.array_equal(np.asarray(one.frames), np.asarray(two.frames))
    assert not torch.equal(one.audio, two.audio)
