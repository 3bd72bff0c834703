"""Routes of files that callers give: images, videos and sounds that requests then name by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ltxserve.accounts.accounts import Account
from ltxserve.api import docs
from ltxserve.api.auth import Reader, Writer
from ltxserve.api.content import File, send, suffix_of
from ltxserve.api.context import app_of, checked_cursor, checked_id
from ltxserve.api.facts import iso
from ltxserve.api.native.jobs import FormBody
from ltxserve.errors import NotFound, Problem, RequestRefused
from ltxserve.storage.base import Stored

if TYPE_CHECKING:
    from ltxserve.service.uploads import Upload

router = APIRouter(prefix="/api/uploads", tags=["uploads"])

_FILE = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary"}},
    "required": ["file"],
}


@router.post(
    "",
    status_code=201,
    responses=docs.problems(docs.WRITE),
    openapi_extra=docs.body(_FILE, "multipart/form-data"),
)
def create(request: Request, account: Writer, form: FormBody) -> dict[str, Any]:
    """Send an image, a video or a sound as the form's `file`; requests name it by its id.

    What it is, is decided by its content, not by its name.
    """
    file = form.files.get("file")
    if file is None:
        hint = "Send multipart/form-data with a part named file."
        raise RequestRefused([Problem("invalid_field", "There is no file.", hint, "file")])
    return upload_view(take(request, account, file))


@router.get("", responses=docs.problems(docs.READ))
def listed(
    request: Request,
    account: Reader,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The account's uploads, newest first."""
    found = app_of(request).uploads.list(account, limit, checked_cursor(cursor))
    return {
        "object": "list",
        "data": [upload_view(one) for one in found],
        "next_cursor": found[-1].id if len(found) == limit else None,
    }


@router.get("/{id}", responses=docs.problems(docs.READ))
def get(request: Request, account: Reader, id: str) -> dict[str, Any]:
    """One upload: what it turned out to be."""
    return upload_view(app_of(request).uploads.get(account, upload_id(id)))


@router.get("/{id}/content", responses=docs.files())
@router.head("/{id}/content", include_in_schema=False)
def content(request: Request, account: Reader, id: str) -> Response:
    """The file itself."""
    upload = app_of(request).uploads.get(account, upload_id(id))
    stored = Stored(upload.key, upload.bytes, upload.media_type, upload.sha256)
    name = upload.file_name or f"upload{suffix_of(upload.media_type)}"
    return send(request, app_of(request).store, File(stored, name))


@router.delete("/{id}", status_code=204, responses=docs.problems(docs.READ))
def delete(request: Request, account: Writer, id: str) -> Response:
    """Remove an upload; jobs that were submitted with it may need it until they have run."""
    app_of(request).uploads.delete(account, upload_id(id))
    return Response(status_code=204)


def take(request: Request, account: Account, file: UploadFile) -> Upload:
    """A file of a form, as an upload; a name with a path in it is refused, not repaired."""
    uploads, name = app_of(request).uploads, file.filename or None
    return uploads.create(account, file.file, name, file.content_type or "")


def upload_id(given: str) -> str:
    """An id as the database writes it. Raises NotFound `upload_not_found` for what is no id."""
    try:
        return checked_id(given)
    except NotFound:
        raise NotFound(
            "upload_not_found", "There is no upload of this id.", "Check the id.", "id"
        ) from None


def upload_view(upload: Upload) -> dict[str, Any]:
    """An upload as its owner sees it."""
    return {
        "id": upload.id,
        "object": "upload",
        "file_name": upload.file_name,
        "media_type": upload.media_type,
        "bytes": upload.bytes,
        "sha256": upload.sha256,
        "info": upload.info,
        "created_at": iso(upload.created_at),
        "expires_at": iso(upload.expires_at),
        "url": f"/api/uploads/{upload.id}/content",
    }
