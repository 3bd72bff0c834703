"""A stand-in for Supabase Storage, after answers recorded from storage-api v1.11.2.

It keeps to what was recorded: status 400 with the true status as text in the body, relative
signed links, resumable uploads whose Location is absolute and https, keys by their kind.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Loopback, Reply, Request

ROOT = "/storage/v1"
LIMIT = 60_000_000
TYPES = ("video/mp4", "image/png", "image/jpeg", "text/plain", "audio/wav")
_KEY = re.compile(r"[A-Za-z0-9/!\-.*'()&$@=;:+,?_ ]+")


@dataclass
class Thing:
    """An object in the bucket."""

    body: bytes
    media_type: str
    metadata: dict[str, Any]


@dataclass
class Upload:
    """A resumable upload that is under way."""

    name: str
    size: int
    media_type: str
    metadata: dict[str, Any]
    body: bytearray = field(default_factory=bytearray)


@dataclass
class Faults:
    """What goes wrong, once each, in order: replies before anything is done, or cut chunks."""

    replies: list[Reply] = field(default_factory=list)
    cut_chunks: list[int] = field(default_factory=list)
    forget_uploads: int = 0


class Supabase(Loopback):
    """One project with the buckets vids (private) and pub (public)."""

    def __init__(self, key: str, clock: Callable[[], float]) -> None:
        super().__init__(self.answer)
        self.key = key
        self.clock = clock
        self.things: dict[str, Thing] = {}
        self.uploads: dict[str, Upload] = {}
        self.faults = Faults()
        self.chunks: list[int] = []

    def answer(self, request: Request) -> Reply:
        if self.faults.replies:
            return self.faults.replies.pop(0)
        path, _, query = request.target.partition("?")
        if not path.startswith(ROOT):
            return refusal(404, "Not Found", f"Route {path} not found", "InvalidRequest", 404)
        path = path.removeprefix(ROOT)
        words: dict[str, str] = {}
        for pair in filter(None, query.split("&")):
            name, _, word = pair.partition("=")
            words[name] = word
        if path.startswith("/object/public/"):
            return self.public(request, path.removeprefix("/object/public/"), words)
        if path.startswith("/object/sign/") and request.method in ("GET", "HEAD"):
            return self.signed(request, path.removeprefix("/object/sign/"), words)
        denied = self.denied(request)
        if denied:
            return denied
        if path.startswith("/upload/resumable"):
            return self.resumable(request, path.removeprefix("/upload/resumable").strip("/"))
        return self.objects(request, path)

    def denied(self, request: Request) -> Reply | None:
        bearer = request.headers.get("authorization")
        if self.key.startswith("sb_"):
            if bearer is not None:
                message = "JWS Protected Header is invalid"
                return refusal(403, "Unauthorized", message, "AccessDenied")
        elif bearer is None:
            message = "headers must have required property 'authorization'"
            return refusal(400, "Error", message, "InvalidRequest")
        if request.headers.get("apikey") == self.key and bearer in (None, f"Bearer {self.key}"):
            return None
        message = "new row violates row-level security policy"
        return refusal(403, "Unauthorized", message, "AccessDenied")

    def objects(self, request: Request, path: str) -> Reply:
        match = re.fullmatch(r"/object/(?:(sign|info|authenticated)/)?([^/]+)(?:/(.+))?", path)
        if match is None:
            return refusal(404, "Not Found", f"Route {path} not found", "InvalidRequest", 404)
        kind, bucket, name = match.groups()
        if bucket not in ("vids", "pub"):
            return refusal(404, "Bucket not found", "Bucket not found", "NoSuchBucket")
        if request.method == "DELETE" and name is None:
            gone = [
                p for p in json.loads(request.body)["prefixes"] if f"{bucket}/{p}" in self.things
            ]
            for one in gone:
                del self.things[f"{bucket}/{one}"]
            return said([{"name": one, "bucket_id": bucket} for one in gone])
        if request.method in ("POST", "PUT") and kind is None:
            return self.upload(request, bucket, name)
        thing = self.things.get(f"{bucket}/{name}")
        if thing is None:
            message = "Object not found"
            return refusal(404, "not_found", message, "NoSuchKey")
        if kind == "sign":
            until = int(self.clock()) + json.loads(request.body)["expiresIn"]
            token = self.token(f"{bucket}/{name}", until)
            return said({"signedURL": f"/object/sign/{bucket}/{name}?token={token}"})
        if kind == "info":
            return said(
                {
                    "name": name,
                    "bucket_id": bucket,
                    "size": len(thing.body),
                    "content_type": thing.media_type,
                    "cache_control": "no-cache",
                    "etag": etag(thing),
                    "metadata": thing.metadata,
                }
            )
        return served(request, thing, None)

    def upload(self, request: Request, bucket: str, name: str) -> Reply:
        media_type = request.headers.get("content-type", "")
        told = request.headers.get("x-metadata")
        metadata = json.loads(base64.b64decode(told)) if told else {}
        problem = self.unfit(name, len(request.body), media_type)
        if problem:
            return problem
        if request.headers.get("x-upsert") != "true" and f"{bucket}/{name}" in self.things:
            return refusal(409, "Duplicate", "The resource already exists", "KeyAlreadyExists")
        self.things[f"{bucket}/{name}"] = Thing(request.body, media_type, metadata)
        return said({"Key": f"{bucket}/{name}", "Id": "33f03f30-a14e-4883-bae5-5fd88fb1e774"})

    def unfit(self, name: str, size: int, media_type: str) -> Reply | None:
        if not _KEY.fullmatch(name):
            return refusal(400, "InvalidKey", f"Invalid key: {name}", "InvalidKey")
        if media_type not in TYPES:
            message = f"mime type {media_type} is not supported"
            return refusal(415, "invalid_mime_type", message, "InvalidMimeType")
        if size > LIMIT:
            message = "The object exceeded the maximum allowed size"
            return refusal(413, "Payload too large", message, "EntityTooLarge")
        return None

    def resumable(self, request: Request, place: str) -> Reply:
        if request.headers.get("tus-resumable") != "1.0.0":
            return Reply(412, b"Tus-Resumable Required\n")
        if request.method == "POST":
            return self.create(request)
        if self.faults.forget_uploads and place in self.uploads:
            self.faults.forget_uploads -= 1
            del self.uploads[place]
        upload = self.uploads.get(place)
        if upload is None:
            return Reply(404, b"The file for this url was not found\n")
        if request.method == "PATCH":
            return self.patch(request, place, upload)
        lengths = {"Upload-Length": str(upload.size), "Upload-Offset": str(len(upload.body))}
        return Reply(
            200, headers={"Cache-Control": "no-store", "Tus-Resumable": "1.0.0", **lengths}
        )

    def create(self, request: Request) -> Reply:
        size = int(request.headers["upload-length"])
        pairs = [pair.split(" ") for pair in request.headers["upload-metadata"].split(",")]
        told = {name: base64.b64decode(text).decode() for name, text in pairs}
        key = f"{told['bucketName']}/{told['objectName']}"
        if size > LIMIT:
            return Reply(413, b"Maximum size exceeded\n")
        if request.headers.get("x-upsert") != "true" and key in self.things:
            return Reply(409, b"The resource already exists")
        place = base64.urlsafe_b64encode(f"{key}/{len(self.uploads)}".encode()).decode()
        metadata = json.loads(told.get("metadata", "{}"))
        self.uploads[place] = Upload(key, size, told["contentType"], metadata)
        where = f"https://127.0.0.1:{self.port}/upload/resumable/{place}"
        return Reply(201, headers={"Location": where, "Tus-Resumable": "1.0.0"})

    def patch(self, request: Request, place: str, upload: Upload) -> Reply:
        if request.headers.get("upload-offset") != str(len(upload.body)):
            return Reply(409, b"Upload-Offset conflict\n")
        self.chunks.append(len(request.body))
        if self.faults.cut_chunks:
            upload.body += request.body[: self.faults.cut_chunks.pop(0)]
            return Reply(drop=True)
        upload.body += request.body
        if len(upload.body) == upload.size:
            self.things[upload.name] = Thing(bytes(upload.body), upload.media_type, upload.metadata)
        offset = str(len(upload.body))
        return Reply(204, headers={"Tus-Resumable": "1.0.0", "Upload-Offset": offset})

    def public(self, request: Request, key: str, words: dict[str, str]) -> Reply:
        if not key.startswith("pub/"):
            return refusal(404, "Bucket not found", "Bucket not found", "NoSuchBucket")
        if key not in self.things:
            return refusal(404, "not_found", "Object not found", "NoSuchKey")
        return served(request, self.things[key], words.get("download"))

    def signed(self, request: Request, key: str, words: dict[str, str]) -> Reply:
        until, _, _ = words.get("token", "").partition(".")
        if not until.isdigit() or words["token"] != self.token(key, int(until)):
            return refusal(400, "InvalidJWT", "signature verification failed", "InvalidJWT")
        if self.clock() >= int(until):
            return refusal(400, "InvalidJWT", '"exp" claim timestamp check failed', "InvalidJWT")
        if key not in self.things:
            return refusal(404, "not_found", "Object not found", "NoSuchKey")
        return served(request, self.things[key], words.get("download"))

    def token(self, key: str, until: int) -> str:
        return (
            f"{until}.{hmac.digest(self.key.encode(), f'{key} {until}'.encode(), 'sha256').hex()}"
        )


def said(body: object) -> Reply:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(200, json.dumps(body).encode(), headers)


def refusal(true_status: int, error: str, message: str, code: str, status: int = 400) -> Reply:
    """A failure as it was recorded: nearly always 400, the true status as text."""
    body = {"statusCode": str(true_status), "error": error, "message": message, "code": code}
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(status, json.dumps(body).encode(), headers)


def served(request: Request, thing: Thing, download: str | None) -> Reply:
    headers = {"Content-Type": thing.media_type, "Accept-Ranges": "bytes", "ETag": etag(thing)}
    if download:
        headers["Content-Disposition"] = (
            f"attachment; filename={download}; filename*=UTF-8''{download}"
        )
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
    if asked is None:
        return Reply(200, thing.body, headers)
    first, last = int(asked[1]), min(int(asked[2]), len(thing.body) - 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(thing.body)}"
    return Reply(206, thing.body[first : last + 1], headers)


def etag(thing: Thing) -> str:
    return f'"{hashlib.md5(thing.body).hexdigest()}"'
