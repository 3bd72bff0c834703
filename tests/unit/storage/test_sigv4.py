"""Presigned links, against the example of AWS's own documentation."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from ltxserve.storage.sigv4 import Signer

# "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", the example's keys,
# in pieces so that nobody takes them for a leak.
ID = "AKIA" + "IOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY"
SIGNATURE = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
NOW = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
URL = "https://examplebucket.s3.amazonaws.com/test.txt"


def test_the_documented_example():
    url = Signer(ID, SECRET, "us-east-1").presign(URL, NOW, 86400, {})
    assert url.startswith(URL)
    assert parse_qs(urlsplit(url).query)["X-Amz-Signature"] == [SIGNATURE]


def test_everything_said_is_signed():
    signer = Signer(ID, SECRET, "us-east-1")
    urls = {
        signer.presign(URL, NOW, 86400, {}),
        signer.presign(URL, NOW, 60, {}),
        signer.presign(URL, NOW + 1, 86400, {}),
        signer.presign(URL + "x", NOW, 86400, {}),
        signer.presign(URL, NOW, 86400, {"response-content-type": "video/mp4"}),
        Signer(ID, SECRET, "us-east-1", "token").presign(URL, NOW, 86400, {}),
        Signer(ID, SECRET, "eu-west-1").presign(URL, NOW, 86400, {}),
    }
    assert len({url.rpartition("=")[2] for url in urls}) == 7


def test_secrets_are_not_shown():
    assert "hush" not in repr(Signer("id", "hush", "r", "hush"))


def test_a_link_to_write_is_not_a_link_to_read():
    signer = Signer(ID, SECRET, "us-east-1")
    read, write = (signer.presign(URL, NOW, 60, {}, method) for method in ("GET", "PUT"))
    assert read != write
    assert read.partition("&X-Amz-Signature")[0] == write.partition("&X-Amz-Signature")[0]
