"""Uploads and signed links over the wire."""

import httpx
import pytest

from tests.api.serving import Served, sample
from tests.api.test_native import SMALL, submit


def send(served: Served, name: str = "a.png", content: bytes | None = None) -> httpx.Response:
    body = sample(served.folder, "up.png").read_bytes() if content is None else content
    with served.client() as client:
        return client.post("/api/uploads", files={"file": (name, body)})


def test_an_upload_is_what_its_content_says(served: Served):
    answer = send(served)
    assert answer.status_code == 201, answer.text
    upload = answer.json()
    assert (upload["media_type"], upload["info"]["width"]) == ("image/png", 128)
    with served.client() as client:
        assert client.get(f"/api/uploads/{upload['id']}").json() == upload
        assert client.get("/api/uploads").json()["data"][0]["id"] == upload["id"]
        content = client.get(upload["url"])
        assert (content.headers["content-type"], len(content.content)) == (
            "image/png",
            upload["bytes"],
        )
        conditions = [{"source": upload["id"], "frame": 0}]
        job = client.post("/api/generations", json={**SMALL, "conditions": conditions})
        assert job.status_code == 202, job.text
        assert client.delete(f"/api/uploads/{upload['id']}").status_code == 204
        assert client.get(f"/api/uploads/{upload['id']}").json()["code"] == "upload_not_found"


@pytest.mark.parametrize(
    ("name", "content", "codes"),
    [
        ("a.jpg", b"not a picture", {"media_type_refused"}),
        ("claims.mp4", None, {"media_type_refused"}),
        ("../up.png", None, {"file_name_invalid"}),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", {"media_type_refused"}),
        ("a.png", b"\x89PNG\r\n\x1a\n broken", {"media_corrupt"}),
        ("a.png", b"", {"media_type_refused", "media_corrupt"}),
    ],
)
def test_what_is_no_media_is_refused(
    served: Served, name: str, content: bytes | None, codes: set[str]
):
    answer = send(served, name, content)
    assert answer.json()["code"] in codes
    assert answer.status_code in {415, 422}


def test_a_form_without_a_file(served: Served):
    with served.client() as client:
        assert client.post("/api/uploads", data={"x": "y"}).json()["problems"][0]["field"] == "file"
        assert client.post("/api/uploads", json={}).status_code == 422
        assert client.get("/api/uploads/nothing").status_code == 404


def test_a_signed_link_needs_no_key_and_ends(served: Served):
    job = submit(served)
    served.finish(job["id"])
    key = served.app.generations.artifact(served.app.local_account(), job["id"]).key
    link = served.app.store.url(key, 60, "mine.mp4")
    with served.client(Host="outside.example") as client:
        answer = client.get(link)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
        assert 'filename="mine.mp4"' in answer.headers["content-disposition"]
        assert client.get(link, headers={"Range": "bytes=0-3"}).status_code == 206
        assert client.get(link[:-2]).json()["code"] == "link_invalid"
        assert client.get("/files/x").status_code == 403
