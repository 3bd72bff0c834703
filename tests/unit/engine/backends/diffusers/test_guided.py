"""Guidance around a transformer: the vendor's terms, and nothing left behind."""

import dataclasses
from typing import Any

import pytest
import torch
from diffusers import LTXVideoTransformer3DModel
from torch import Tensor

from ltxserve.engine.backends.diffusers.guided import (
    Guide,
    guiding,
    in_proportion,
    rescaled,
    skipping,
)
from ltxserve.engine.plan import Guidance

NONE = Guidance(1.0, 0.0, (), 0.0, 1.0)


@pytest.fixture(scope="module")
def model() -> LTXVideoTransformer3DModel:
    torch.manual_seed(0)
    made = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_layers=2,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        caption_channels=12,
    )
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    torch.manual_seed(1)
    return {
        "hidden_states": torch.randn(1, 12, 8),
        "encoder_hidden_states": torch.randn(1, 5, 12),
        "timestep": torch.tensor([[500.0]]),
        "encoder_attention_mask": torch.ones(1, 5),
        "video_coords": torch.rand(1, 3, 12),
        "return_dict": False,
    }


def asked(model: Any, told: dict[str, Any], guide: Guide | None = None) -> Tensor:
    if guide is None:
        return model(**told)[0]
    with guiding(model, guide):
        return model(**told)[0]


def test_without_terms_nothing_is_added(model: Any, told: dict[str, Any]):
    guide = Guide((NONE,))
    assert not guide.acts
    assert torch.equal(asked(model, told, guide), asked(model, told))


def test_text_guidance(model: Any, told: dict[str, Any]):
    negative = (torch.randn(1, 5, 12), torch.ones(1, 5))
    text = asked(model, told)
    plain = asked(model, {**told, "encoder_hidden_states": negative[0]})
    guide = Guide((dataclasses.replace(NONE, guidance_scale=3.0),), negative)
    assert torch.allclose(asked(model, told, guide), plain + 3 * (text - plain), atol=1e-5)


def test_skipped_attention_passes_values_on(model: Any, told: dict[str, Any]):
    text = asked(model, told)
    attention = model.transformer_blocks[1].attn1
    states = torch.randn(1, 12, 32)
    with skipping(model, (1,)):
        perturbed = asked(model, told)
        assert torch.allclose(attention(states), attention.to_out[0](attention.to_v(states)))
    assert not torch.allclose(text, perturbed)
    guide = Guide((dataclasses.replace(NONE, stg_scale=2.0, stg_blocks=(1,)),))
    assert torch.allclose(asked(model, told, guide), text + 2 * (text - perturbed), atol=1e-5)


def test_every_step_has_its_own_terms(model: Any, told: dict[str, Any]):
    negative = (torch.randn(1, 5, 12), torch.ones(1, 5))
    text = asked(model, told)
    plain = asked(model, {**told, "encoder_hidden_states": negative[0]})
    terms = (NONE, dataclasses.replace(NONE, guidance_scale=3.0))
    with guiding(model, Guide(terms, negative)):
        first, second, beyond = (model(**told)[0] for _ in range(3))
    assert torch.equal(first, text)
    assert torch.allclose(second, plain + 3 * (text - plain), atol=1e-5)
    assert torch.equal(beyond, second)


def test_the_unprompted_prediction_in_proportion(model: Any, told: dict[str, Any]):
    text = torch.tensor([[[2.0, 0.0]]])
    assert torch.allclose(in_proportion(torch.tensor([[[1.0, 1.0]]]), text), torch.ones(1, 1, 2))
    assert torch.allclose(in_proportion(text / 7, text), text)
    negative = (torch.randn(1, 5, 12), torch.ones(1, 5))
    terms = (dataclasses.replace(NONE, guidance_scale=3.0),)
    plain = asked(model, {**told, "encoder_hidden_states": negative[0]})
    own, shared = asked(model, told), in_proportion(plain, asked(model, told))
    made = asked(model, told, Guide(terms, negative, star=True))
    assert torch.allclose(made, shared + 3 * (own - shared), atol=1e-5)


def test_rescaling_brings_the_spread_back(model: Any, told: dict[str, Any]):
    text = asked(model, told)
    wide = text * 3
    assert torch.equal(rescaled(wide, text, 0.0), wide)
    assert torch.allclose(rescaled(wide, text, 1.0), text, atol=1e-5)
    assert torch.allclose(rescaled(wide, text, 0.7), wide * (0.7 / 3 + 0.3), atol=1e-5)


def test_nothing_is_left_behind(model: Any, told: dict[str, Any]):
    before = asked(model, told)
    processor = model.transformer_blocks[0].attn1.processor
    guide = Guide((dataclasses.replace(NONE, stg_scale=1.0, stg_blocks=(0,)),))
    with pytest.raises(KeyError), guiding(model, guide), skipping(model, (0,)):
        raise KeyError("a run that broke")
    assert model.transformer_blocks[0].attn1.processor is processor
    assert not model._forward_hooks
    assert torch.equal(asked(model, told), before)
