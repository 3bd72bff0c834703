"""Guidance knows when a negative prompt acts."""

from ltxserve.engine.plan.nouns import Guidance


def test_the_negative_prompt_acts_with_guidance_only():
    assert Guidance(3.0, 0.0, (), 0.0, 1.0).uses_negative_prompt
    assert not Guidance(1.0, 0.0, (), 0.0, 1.0).uses_negative_prompt
