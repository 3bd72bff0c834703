"""Uploads as their owner sees them; the routes are tested in tests/api/test_uploads.py."""

import pytest

from ltxserve.api.native.uploads import upload_id, upload_view
from ltxserve.errors import NotFound
from ltxserve.service.uploads import Upload
from tests.api.making import ID


def test_the_stores_key_is_not_shown():
    upload = Upload(ID, "a", "a/secret.png", None, "image/png", 1, "ab", {"family": "image"}, 0, 1)
    view = upload_view(upload)
    assert "secret" not in str(view)
    assert view["url"] == f"/api/uploads/{ID}/content"


def test_ids():
    assert upload_id(ID) == ID
    with pytest.raises(NotFound) as missing:
        upload_id("x")
    assert missing.value.code == "upload_not_found"
