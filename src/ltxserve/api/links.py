"""Links to a job's files for whoever has the link; knows where this server is, no dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from ltxserve.api.content import suffix_of
from ltxserve.api.context import app_of
from ltxserve.api.facts import file_name_of

if TYPE_CHECKING:
    from ltxserve.accounts.accounts import Account
    from ltxserve.jobs.rows import Job


def link_of(request: Request, account: Account, job: Job, name: str = "video") -> str:
    """A whole URL that reads a file of a finished job without a key, as long as is set.

    Raises `not_ready`, `file_not_found`, and what the store raises.
    """
    app = app_of(request)
    stored = app.generations.artifact(account, job.id, name)
    file_name = file_name_of(job, suffix_of(stored.media_type))
    seconds = app.settings.supabase_signed_url_ttl_seconds
    return whole(request, app.store.url(stored.key, seconds, file_name, stored.media_type))


def whole(request: Request, url: str) -> str:
    """The URL with the address that the caller reached us at, where it has none of its own."""
    return url if "://" in url[:12] else str(request.base_url).rstrip("/") + url
