"""Arguments of diffusers' classes that a checkpoint's own metadata decides; builds nothing.

The layout says the full size; a file of another size of the same kind says so itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ltxserve.engine.backends.diffusers.reading.layout import PartLayout
from ltxserve.engine.backends.diffusers.reading.told_diffusion import decoder_arguments

Table = Mapping[str, Any]
Shapes = Mapping[str, tuple[int, ...]]

_DOWN = {"space": "spatial", "time": "temporal", "all": "spatiotemporal"}
_SIDES = ("encoder", "decoder")
_DECODER_WIDTH = 8  # the decoder begins with so many times its base channels


def arguments(part: PartLayout, config: Table, shapes: Shapes) -> dict[str, Any]:
    """The arguments of a part's class: the layout's, over which goes what the file says.

    config: the vendor's configuration of the file. shapes: of the tensors, by canonical name.
    """
    found = dict(part.config)
    for name, paths in part.told.items():
        values = (look_up(config, path) for path in ([paths] if isinstance(paths, str) else paths))
        value = next((value for value in values if value is not None), None)
        if value is not None:
            found[name] = value
    if part.derive:
        found.update(_DERIVED[part.derive](config, shapes, found))
    return found


def look_up(config: Table, path: str) -> Any:
    """What stands at a dotted path, None where it leads nowhere."""
    value: Any = config
    for word in path.split("."):
        if not isinstance(value, Mapping) or word not in value:
            return None
        value = value[word]
    return value


def _video_vae(config: Table, shapes: Shapes, known: Table) -> dict[str, Any]:
    vae = config.get("vae", {})
    encoder, decoder = vae.get("encoder_blocks"), vae.get("decoder_blocks")
    if not encoder or not decoder:
        return {}
    found = {**_encoder(encoder, known["latent_channels"]), **_decoder(decoder, vae)}
    if "down_block_types" in known:  # LTX-Video: named in its own way, with the entry's width first
        found["block_out_channels"] = [known["latent_channels"], *found["block_out_channels"]]
        del found["upsample_type"]
    elif "spatial_padding_mode" in vae:
        mode = vae["spatial_padding_mode"]
        found.update(encoder_spatial_padding_mode=mode, decoder_spatial_padding_mode=mode)
    return found


def _early_video_vae(config: Table, shapes: Shapes, known: Table) -> dict[str, Any]:
    """Of LTX-Video 0.9.0 and 0.9.1: the first has the same blocks on both sides."""
    del shapes, known
    vae = config.get("vae", {})
    encoder, decoder = (vae.get(f"{side}_blocks", vae.get("blocks")) for side in _SIDES)
    if not encoder or not decoder:
        return {}
    down = _levels(encoder, vae.get("encoder_base_channels", 128))
    if "decoder_blocks" in vae:
        found = _decoder(decoder, vae)
        del found["upsample_type"]
        return {**down, **found}
    up = _levels(decoder, vae.get("decoder_base_channels", 128))
    levels = len(up["block_out_channels"])
    return {
        **down,
        **{f"decoder_{name}": values for name, values in up.items()},
        "decoder_inject_noise": [False] * (levels + 1),
        "upsample_residual": [False] * levels,
        "upsample_factor": [1] * levels,
    }


def _levels(blocks: list[Any], width: int) -> dict[str, Any]:
    """Layers, widths and whether sizes change; the last of the layers are those of the middle."""
    layers, widths, scaled = [], [], []
    for name, told in blocks:
        if name == "res_x":
            layers.append(told["num_layers"] if isinstance(told, Mapping) else told)
            widths.append(width)
            scaled.append(False)
        elif name == "res_x_y":
            width *= told.get("multiplier", 2) if isinstance(told, Mapping) else 2
        else:
            scaled[-1] = True
    return {
        "layers_per_block": layers,
        "block_out_channels": widths[:-1],
        "spatio_temporal_scaling": scaled[:-1],
    }


def diffusion_vae(config: Table, shapes: Shapes, known: Table) -> dict[str, Any]:
    """Of a VAE with a diffusion decoder: both have a table of their own."""
    del shapes
    vae = config.get("vae", {})
    found: dict[str, Any] = {"diffusion": decoder_arguments(vae, known["diffusion"])}
    encoder = vae.get("encoder", {})
    if "blocks" in encoder:
        found["latent_channels"] = encoder.get("out_channels", known["latent_channels"])
        found.update(_encoder(encoder["blocks"], found["latent_channels"]))
    return found


def _encoder(blocks: list[Any], width: int) -> dict[str, Any]:
    layers, widths, types = [], [], []
    for name, told in blocks:
        if name == "res_x":
            layers.append(told["num_layers"])
        else:
            width *= told.get("multiplier", 2)
            widths.append(width)
            types.append(_DOWN[name.removeprefix("compress_").removesuffix("_res")])
    return {
        "layers_per_block": layers,
        "block_out_channels": widths,
        "downsample_type": types,
        "spatio_temporal_scaling": [True] * len(types),
    }


def _decoder(blocks: list[Any], vae: Table) -> dict[str, Any]:
    layers = [told["num_layers"] for name, told in blocks if name == "res_x"]
    noise = [told.get("inject_noise", False) for name, told in blocks if name == "res_x"]
    ups = [(name.removeprefix("compress_"), told) for name, told in blocks if name != "res_x"]
    width = vae.get("decoder_base_channels", 128) * _DECODER_WIDTH
    widths = []
    for _, told in reversed(ups):
        widths.insert(0, width)
        width //= told.get("multiplier", 1)
    return {
        "decoder_layers_per_block": layers,
        "decoder_inject_noise": noise,
        "decoder_block_out_channels": widths,
        "decoder_spatio_temporal_scaling": [True] * len(ups),
        # The vendor lists the decoder from its end; diffusers does so too, except for these.
        "upsample_type": [_DOWN[name] for name, _ in reversed(ups)],
        "upsample_residual": [told.get("residual", False) for _, told in ups],
        "upsample_factor": [told.get("multiplier", 1) for _, told in ups],
    }


def _connectors(config: Table, shapes: Shapes, known: Table) -> dict[str, Any]:
    """How many layers of the text encoder are read, and how wide the result is."""
    del config
    root = "text_embedding_projection."
    whole = shapes.get(f"{root}aggregate_embed.weight")
    video, audio = (shapes.get(f"{root}{m}_aggregate_embed.weight") for m in ("video", "audio"))
    read = whole or video
    if read is None:
        return {}
    found: dict[str, Any] = {"text_proj_in_factor": read[1] // known["caption_channels"]}
    if video is not None and audio is not None:
        found.update(video_hidden_dim=video[0], audio_hidden_dim=audio[0])
    return found


def _vocoder(config: Table, shapes: Shapes, known: Table) -> dict[str, Any]:
    """How the waveform is kept within -1 to 1; diffusers' own conversion leaves it out in 2.3."""
    del shapes, known
    told = config.get("vocoder", {})
    own = told.get("vocoder", told)
    found: dict[str, Any] = {}
    if "use_tanh_at_final" in own:
        found["final_act_fn"] = "tanh" if own["use_tanh_at_final"] else "clamp"
    if "use_bias_at_final" in own:
        found["final_bias"] = own["use_bias_at_final"]
    return found


_DERIVED: Mapping[str, Callable[[Table, Shapes, Table], dict[str, Any]]] = {
    "video_vae": _video_vae,
    "early_video_vae": _early_video_vae,
    "diffusion_vae": diffusion_vae,
    "connectors": _connectors,
    "vocoder": _vocoder,
}
