"""Answers as flows see them."""

from ltxserve.client.steps import Answer


def test_the_media_type():
    assert Answer(200, {"content-type": "application/json"}).media_type == "application/json"
    assert Answer(200, {}).media_type == ""
