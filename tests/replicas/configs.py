"""The vendor's configurations that replicas are made of: full size, and the same kind made small.

Full sizes are those of the vendor's packages (defaults of ltx-core's configurators and what
ltx-video's classes are given) and of diffusers' conversion scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Config:
    """What a file's metadata says under `config`; the text encoder's sizes, which it does not."""

    name: str
    metadata: Table
    text_width: int = 3840
    text_layers: int = 48
    blocks: Mapping[str, int] = field(default_factory=dict)


FIXED = {
    "dropout": 0.0, "attention_bias": True, "num_vector_embeds": None,
    "activation_fn": "gelu-approximate", "num_embeds_ada_norm": 1000,
    "use_linear_projection": False, "only_cross_attention": False, "cross_attention_norm": True,
    "double_self_attention": False, "upcast_attention": False, "standardization_norm": "rms_norm",
    "norm_elementwise_affine": False, "qk_norm": "rms_norm", "positional_embedding_type": "rope",
    "use_audio_video_cross_attention": True, "share_ff": False, "av_cross_ada_norm": True,
    "use_middle_indices_grid": True, "positional_embedding_theta": 10000.0,
    "positional_embedding_max_pos": [20, 2048, 2048], "audio_positional_embedding_max_pos": [20],
    "timestep_scale_multiplier": 1000, "av_ca_timestep_scale_multiplier": 1000,
    "rope_type": "split", "frequencies_precision": "float64", "norm_eps": 1e-06,
    "in_channels": 128, "out_channels": 128, "audio_in_channels": 128, "audio_out_channels": 128,
    "connector_positional_embedding_max_pos": [4096],
}  # fmt: skip
FULL = {
    "num_layers": 48, "num_attention_heads": 32, "attention_head_dim": 128,
    "cross_attention_dim": 4096, "audio_num_attention_heads": 32, "audio_attention_head_dim": 64,
    "audio_cross_attention_dim": 2048, "caption_channels": 3840,
}  # fmt: skip
SMALL = {
    "num_layers": 2, "num_attention_heads": 4, "attention_head_dim": 32,
    "cross_attention_dim": 128, "audio_num_attention_heads": 4, "audio_attention_head_dim": 16,
    "audio_cross_attention_dim": 64, "caption_channels": 64, "in_channels": 32, "out_channels": 32,
}  # fmt: skip
OF_20 = {"connector_num_attention_heads": 30, "connector_attention_head_dim": 128}
OF_20_SMALL = {"connector_num_attention_heads": 2, "connector_attention_head_dim": 32}
SINCE_23 = {
    "apply_gated_attention": True, "cross_attention_adaln": True,
    "connector_apply_gated_attention": True, "caption_proj_before_connector": True,
    "caption_projection_first_linear": False, "caption_proj_input_norm": False,
    "caption_projection_second_linear": False,
}  # fmt: skip
OF_23 = {
    "connector_num_layers": 8, "connector_num_attention_heads": 32,
    "connector_attention_head_dim": 128, "audio_connector_num_attention_heads": 32,
    "audio_connector_attention_head_dim": 64,
}  # fmt: skip
OF_23_SMALL = {
    "connector_num_layers": 2, "connector_num_attention_heads": 4,
    "connector_attention_head_dim": 32, "audio_connector_num_attention_heads": 4,
    "audio_connector_attention_head_dim": 16,
}  # fmt: skip
SINCE_25 = {"ff_bias": False, "audio_ff_bias": True, "use_keyframes_abs_pos_embedding": True}


def _res(count: int) -> list[Any]:
    return ["res_x", {"num_layers": count}]


def _up(kind: str, multiplier: int, residual: bool | None = None) -> list[Any]:
    told: dict[str, Any] = {"multiplier": multiplier}
    return [f"compress_{kind}", told if residual is None else {**told, "residual": residual}]


def _down(kind: str, multiplier: int) -> list[Any]:
    return [f"compress_{kind}_res", {"multiplier": multiplier}]


def _vae(encoder: list[Any], decoder: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "_class_name": "CausalVideoAutoencoder", "dims": 3, "in_channels": 3, "out_channels": 3,
        "latent_channels": 128, "norm_layer": "pixel_norm", "patch_size": 4,
        "latent_log_var": "uniform", "use_quant_conv": False, "causal_decoder": False,
        "timestep_conditioning": False, "encoder_blocks": encoder, "decoder_blocks": decoder,
        **more,
    }  # fmt: skip


def _encoder(counts: list[int], multipliers: list[int]) -> list[Any]:
    kinds = ("space", "time", "all", "all")
    blocks = [_res(counts[0])]
    for kind, multiplier, count in zip(kinds, multipliers, counts[1:], strict=True):
        blocks += [_down(kind, multiplier), _res(count)]
    return blocks


def _decoder_20(count: int) -> list[Any]:
    step = [_up("all", 2, True), _res(count)]
    return [_res(count), *step, *step, *step]


def _decoder_23(counts: list[int]) -> list[Any]:
    ups = [_up("space", 2), _up("time", 2), _up("all", 1, False), _up("all", 2, False)]
    blocks = [_res(counts[0])]
    for up, count in zip(ups, counts[1:], strict=True):
        blocks += [up, _res(count)]
    return blocks


VAE_20 = _vae(_encoder([4, 6, 6, 2, 2], [2, 2, 2, 2]), _decoder_20(5))
VAE_23 = _vae(
    _encoder([4, 6, 4, 2, 2], [2, 2, 2, 1]), _decoder_23([4, 6, 4, 2, 2]),
    spatial_padding_mode="zeros",
)  # fmt: skip
SMALL_VAE = {"latent_channels": 32, "decoder_base_channels": 4}
VAE_20_SMALL = _vae(_encoder([1] * 5, [1] * 4), _decoder_20(1), **SMALL_VAE)
VAE_23_SMALL = _vae(
    _encoder([1] * 5, [1] * 4), _decoder_23([1] * 5), spatial_padding_mode="zeros", **SMALL_VAE
)


def _audio(multipliers: list[int], blocks: int) -> dict[str, Any]:
    ddconfig = {
        "ch": 128, "ch_mult": multipliers, "num_res_blocks": blocks, "attn_resolutions": [],
        "in_channels": 2, "out_ch": 2, "resolution": 256, "z_channels": 8, "norm_type": "pixel",
        "causality_axis": "height", "dropout": 0.0, "mid_block_add_attention": False,
        "mel_bins": 64, "double_z": True,
    }  # fmt: skip
    stft = {"hop_length": 160, "causal": True, "filter_length": 1024}
    params = {"ddconfig": ddconfig, "sampling_rate": 16000}
    return {"model": {"params": params}, "preprocessing": {"stft": stft}}


DILATIONS = [[1, 3, 5], [1, 3, 5], [1, 3, 5]]


def _vocoder_20(channels: int) -> dict[str, Any]:
    return {
        "resblock": "1", "stereo": True, "upsample_initial_channel": channels,
        "upsample_rates": [6, 5, 2, 2, 2], "upsample_kernel_sizes": [16, 15, 8, 4, 4],
        "resblock_kernel_sizes": [3, 7, 11], "resblock_dilation_sizes": DILATIONS,
        "output_sampling_rate": 24000,
    }  # fmt: skip


def _vocoder_23(channels: int, extending: int) -> dict[str, Any]:
    common = {
        "resblock": "AMP1", "stereo": True, "activation": "snakebeta", "use_bias_at_final": False,
        "use_tanh_at_final": False, "resblock_kernel_sizes": [3, 7, 11],
        "resblock_dilation_sizes": DILATIONS,
    }  # fmt: skip
    first = {
        "upsample_initial_channel": channels, "upsample_rates": [5, 2, 2, 2, 2, 2],
        "upsample_kernel_sizes": [11, 4, 4, 4, 4, 4],
    }  # fmt: skip
    second = {
        "upsample_initial_channel": extending, "upsample_rates": [6, 5, 2, 2, 2],
        "upsample_kernel_sizes": [12, 11, 4, 4, 4], "n_fft": 512, "hop_length": 80,
        "num_mels": 64, "input_sampling_rate": 16000, "output_sampling_rate": 48000,
    }  # fmt: skip
    return {"vocoder": {**common, **first}, "bwe": {**common, **second}}


def _ltx2(name: str, transformer: Table, vae: Table, sound: tuple[Table, Table]) -> Config:
    metadata = {
        "transformer": {**FIXED, **transformer}, "vae": dict(vae), "audio_vae": dict(sound[0]),
        "vocoder": dict(sound[1]),
    }  # fmt: skip
    small = name.endswith("-small")
    blocks = {"transformer_blocks": transformer["num_layers"]}
    blocks["transformer_1d_blocks"] = transformer.get("connector_num_layers", 2)
    return Config(name, metadata, 64 if small else 3840, 2 if small else 48, blocks)


_SOUND_20, _SOUND_20_SMALL = (
    (_audio([1, 2, 4], 2), _vocoder_20(1024)),
    (_audio([1, 1, 1], 1), _vocoder_20(64)),
)
_SOUND_23 = (_audio([1, 2, 4], 2), _vocoder_23(1536, 512))
_SOUND_23_SMALL = (_audio([1, 1, 1], 1), _vocoder_23(64, 32))
LTX2 = (
    _ltx2("ltx-2.0", {**FULL, **OF_20}, VAE_20, _SOUND_20),
    _ltx2("ltx-2.0-small", {**SMALL, **OF_20_SMALL}, VAE_20_SMALL, _SOUND_20_SMALL),
    _ltx2("ltx-2.3", {**FULL, **SINCE_23, **OF_23}, VAE_23, _SOUND_23),
    _ltx2("ltx-2.3-small", {**SMALL, **SINCE_23, **OF_23_SMALL}, VAE_23_SMALL, _SOUND_23_SMALL),
    _ltx2("ltx-2.5", {**FULL, **SINCE_23, **SINCE_25, **OF_23}, VAE_23, _SOUND_23),
    _ltx2(
        "ltx-2.5-small", {**SMALL, **SINCE_23, **SINCE_25, **OF_23_SMALL}, VAE_23_SMALL,
        _SOUND_23_SMALL,
    ),
)  # fmt: skip


def _ltxv_transformer(layers: int, heads: int, each: int, caption: int = 4096) -> dict[str, Any]:
    return {
        "_class_name": "Transformer3DModel", "activation_fn": "gelu-approximate",
        "attention_bias": True, "attention_head_dim": each, "attention_type": "default",
        "caption_channels": caption, "cross_attention_dim": heads * each,
        "double_self_attention": False, "dropout": 0.0, "in_channels": 128, "out_channels": 128,
        "norm_elementwise_affine": False, "norm_eps": 1e-06, "norm_num_groups": 32,
        "num_attention_heads": heads, "num_embeds_ada_norm": 1000, "num_layers": layers,
        "num_vector_embeds": None, "only_cross_attention": False, "project_to_2d_pos": True,
        "upcast_attention": False, "use_linear_projection": False, "qk_norm": "rms_norm",
        "standardization_norm": "rms_norm", "positional_embedding_type": "rope",
        "positional_embedding_theta": 10000.0, "positional_embedding_max_pos": [20, 2048, 2048],
        "timestep_scale_multiplier": 1000,
    }  # fmt: skip


def _plain(count: int) -> list[Any]:
    return ["res_x", count]


def _blocks_090(*counts: int) -> list[Any]:
    wider = [["compress_all", 1], ["res_x_y", 1]]
    first, second, third, fourth, last = map(_plain, counts)
    return [first, *wider, second, *wider, third, ["compress_all", 1], fourth, last]


def _decoder_091(*counts: int) -> list[Any]:
    first, *more = counts
    blocks: list[Any] = [["res_x", {"num_layers": first, "inject_noise": True}]]
    for count, noisy in zip(more, (True, True, False), strict=True):
        blocks += [_up("all", 2, True), ["res_x", {"num_layers": count, "inject_noise": noisy}]]
    return blocks


def _decoder_095(count: int) -> list[Any]:
    step = [_up("all", 2, True), ["res_x", {"num_layers": count, "inject_noise": False}]]
    return [step[1], *step, *step, *step]


def _vae_090(**more: Any) -> dict[str, Any]:
    base = _vae([], [])
    for key in ("encoder_blocks", "decoder_blocks"):
        del base[key]
    return {**base, "scaling_factor": 1.0, **more}


VAE_090 = _vae_090(blocks=_blocks_090(4, 3, 3, 3, 4))
VAE_091 = _vae_090(
    encoder_blocks=_blocks_090(4, 3, 3, 3, 4), decoder_blocks=_decoder_091(5, 6, 7, 8),
    timestep_conditioning=True,
)  # fmt: skip
_NARROW = {"encoder_base_channels": 8, "decoder_base_channels": 8}
VAE_090_SMALL = _vae_090(blocks=_blocks_090(1, 2, 1, 1, 1), **_NARROW)
VAE_091_SMALL = _vae_090(
    encoder_blocks=_blocks_090(1, 2, 1, 1, 1), decoder_blocks=_decoder_091(1, 1, 2, 1),
    timestep_conditioning=True, **_NARROW,
)  # fmt: skip
VAE_095 = _vae(_encoder([4, 6, 6, 2, 2], [2] * 4), _decoder_095(5), timestep_conditioning=True)
VAE_095_SMALL = _vae(
    _encoder([1] * 5, [1] * 4), _decoder_095(1), timestep_conditioning=True,
    decoder_base_channels=16,
)  # fmt: skip


def _ltxv(name: str, transformer: Table, vae: Table) -> Config:
    blocks = {"transformer_blocks": transformer["num_layers"]}
    return Config(name, {"transformer": dict(transformer), "vae": dict(vae)}, blocks=blocks)


_2B, _13B, _SMALL = (28, 32, 64), (48, 32, 128), (2, 4, 32, 64)
LTXV = (
    _ltxv("ltxv-0.9.0", _ltxv_transformer(*_2B), VAE_090),
    _ltxv("ltxv-0.9.0-small", _ltxv_transformer(*_SMALL), VAE_090_SMALL),
    _ltxv("ltxv-0.9.1", _ltxv_transformer(*_2B), VAE_091),
    _ltxv("ltxv-0.9.1-small", _ltxv_transformer(*_SMALL), VAE_091_SMALL),
    _ltxv("ltxv-0.9.5", _ltxv_transformer(*_2B), VAE_095),
    _ltxv("ltxv-0.9.5-small", _ltxv_transformer(*_SMALL), VAE_095_SMALL),
    _ltxv("ltxv-13b", _ltxv_transformer(*_13B), VAE_095),
)


def _upscaler(name: str, channels: int, width: int, **more: Any) -> Config:
    small = name.endswith("-small")
    told = {
        "_class_name": "LatentUpsampler", "in_channels": channels,
        "mid_channels": 32 if small else width, "num_blocks_per_stage": 1 if small else 4,
        "dims": 3, "spatial_upsample": True, "temporal_upsample": False, **more,
    }  # fmt: skip
    return Config(name, told)


_IN_TIME = {"spatial_upsample": False, "temporal_upsample": True}
_RATIONAL = {"rational_resampler": True, "spatial_scale": 2.0}
LTXV_UPSCALERS = (
    _upscaler("ltxv-upscaler", 128, 512),
    _upscaler("ltxv-upscaler-small", 128, 512),
    _upscaler("ltxv-temporal-upscaler", 128, 512, **_IN_TIME),
    _upscaler("ltxv-temporal-upscaler-small", 128, 512, **_IN_TIME),
)
LTX2_UPSCALERS = (
    _upscaler("ltx-2.0-upscaler", 128, 1024, **_RATIONAL),
    _upscaler("ltx-2.0-upscaler-small", 32, 1024, **_RATIONAL),
    _upscaler("ltx-2.3-upscaler", 128, 1024),
    _upscaler("ltx-2.3-upscaler-small", 32, 1024),
    _upscaler("ltx-2.0-temporal-upscaler", 128, 512, **_IN_TIME),
    _upscaler("ltx-2.0-temporal-upscaler-small", 32, 512, **_IN_TIME),
)
UPSCALERS = {config.name: config for config in (*LTXV_UPSCALERS, *LTX2_UPSCALERS)}
ALL = {config.name: config for config in (*LTX2, *LTXV)}
"""Checkpoints by name; "-small" ones are what replicas are made of."""
