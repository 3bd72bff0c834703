"""The described body of a stitch has clips and envelope; routes: tests/api/test_stitches.py."""

from ltxserve.api.native.stitches import StitchBody


def test_the_documented_body_has_all_fields():
    assert {"clips", "transition", "loudness", "webhook_url", "metadata"} <= set(
        StitchBody.model_fields
    )
