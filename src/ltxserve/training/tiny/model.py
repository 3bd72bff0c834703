"""The tiny model's parts: the real LTX-2 classes of diffusers and transformers, scaled down.

It knows the sizes of the parts and how they fit together, not how they are trained.
"""

from __future__ import annotations

from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
)

from ltxserve.training.tiny import mel
from ltxserve.training.tiny.words import vocabulary

LATENT_CHANNELS = 64
AUDIO_CHANNELS = 4
# Of one packed audio token; the VAE's buffers must be as wide.
AUDIO_WIDTH = AUDIO_CHANNELS * mel.BINS // 4
TEXT_WIDTH, TEXT_LAYERS = 128, 2
VIDEO_HEADS, AUDIO_HEADS, HEAD_WIDTH = 8, 2, 32
LAYERS = 5
REGISTERS = 32
MAX_TOKENS = 64  # of a prompt; a multiple of REGISTERS
SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")


def build_vae() -> AutoencoderKLLTX2Video:
    """Video VAE, 32x32x8 compression, about 11 M parameters."""
    return AutoencoderKLLTX2Video(
        latent_channels=LATENT_CHANNELS,
        block_out_channels=(64, 64, 128, 128),
        layers_per_block=(0, 1, 0, 1, 1),
        # Each decoder stage must be half as wide as the one before it: the class assumes so.
        decoder_block_out_channels=(48, 96, 192),
        decoder_layers_per_block=(1, 1, 1, 1),
        decoder_causal=False,
        decoder_spatial_padding_mode="reflect",
        # The class would count one stage too many: only some stages scale both space and time.
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )


def build_audio_vae() -> AutoencoderKLLTX2Audio:
    """Audio VAE over stereo log-mels, 4x4 compression."""
    return AutoencoderKLLTX2Audio(
        base_channels=AUDIO_WIDTH,
        ch_mult=(1, 1, 2),
        num_res_blocks=1,
        latent_channels=AUDIO_CHANNELS,
        sample_rate=mel.SAMPLE_RATE,
        mel_hop_length=mel.HOP,
        mel_bins=mel.BINS,
        resolution=mel.BINS,
    )


def build_vocoder() -> LTX2Vocoder:
    """Vocoder from stereo log-mels to stereo sound at the mel's own sample rate."""
    return LTX2Vocoder(
        in_channels=2 * mel.BINS,
        hidden_channels=128,
        upsample_kernel_sizes=[10, 8, 8, 4],
        upsample_factors=[5, 4, 4, 2],
        resnet_kernel_sizes=[3, 7],
        resnet_dilations=[[1, 3, 5], [1, 3, 5]],
        output_sampling_rate=mel.SAMPLE_RATE,
    )


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Word-level tokenizer over the small world's vocabulary; other words become <unk>."""
    ids = {word: i for i, word in enumerate([*SPECIAL, *vocabulary()])}
    tokenizer = Tokenizer(WordLevel(ids, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex("[a-z]+(-[a-z]+)*"), "removed", invert=True
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", ids["<bos>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        padding_side="left",
        model_max_length=MAX_TOKENS,
    )


def build_text_encoder() -> Gemma3ForConditionalGeneration:
    """Gemma-3-architecture text encoder.

    Its vision tower is as small as the class allows and never used.
    """
    text = Gemma3TextConfig(
        vocab_size=len(SPECIAL) + len(vocabulary()),
        hidden_size=TEXT_WIDTH,
        intermediate_size=2 * TEXT_WIDTH,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=1024,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    vision = SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=28,
        patch_size=14,
    )
    config = Gemma3Config(
        text_config=text.to_dict(), vision_config=vision.to_dict(), mm_tokens_per_image=4
    )
    return Gemma3ForConditionalGeneration(config)


def build_connectors() -> LTX2TextConnectors:
    """Text connectors of LTX-2: all text layers' packed states to one sequence per modality."""
    return LTX2TextConnectors(
        caption_channels=TEXT_WIDTH,
        text_proj_in_factor=TEXT_LAYERS + 1,
        video_connector_num_attention_heads=4,
        video_connector_attention_head_dim=32,
        video_connector_num_layers=2,
        video_connector_num_learnable_registers=REGISTERS,
        audio_connector_num_attention_heads=4,
        audio_connector_attention_head_dim=32,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=REGISTERS,
        rope_type="split",
    )


def build_transformer() -> LTX2VideoTransformer3DModel:
    """Video and audio transformer, about 7 M parameters."""
    video, audio = VIDEO_HEADS * HEAD_WIDTH, AUDIO_HEADS * HEAD_WIDTH
    return LTX2VideoTransformer3DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=VIDEO_HEADS,
        attention_head_dim=HEAD_WIDTH,
        cross_attention_dim=video,
        audio_in_channels=AUDIO_WIDTH,
        audio_out_channels=AUDIO_WIDTH,
        audio_num_attention_heads=AUDIO_HEADS,
        audio_attention_head_dim=HEAD_WIDTH,
        audio_cross_attention_dim=audio,
        num_layers=LAYERS,
        caption_channels=TEXT_WIDTH,
        audio_sampling_rate=mel.SAMPLE_RATE,
        audio_hop_length=mel.HOP,
        # Small frames would use only a corner of the real model's 2048-pixel positions.
        base_height=512,
        base_width=512,
        pos_embed_max_pos=8,
        audio_pos_embed_max_pos=8,
        rope_type="split",
    )


def build_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Flow-matching Euler over the sigmas it is given, as LTX-2's distilled models use it."""
    return FlowMatchEulerDiscreteScheduler()
