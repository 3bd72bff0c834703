"""What routes ask the running application for; knows attribute names, nothing behind them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Path
from starlette.requests import HTTPConnection

from ltxserve.api.feeds import Feeds
from ltxserve.api.stand_ins import StandIns
from ltxserve.errors import NotFound, Problem, RequestRefused
from ltxserve.service.generations import Generations

if TYPE_CHECKING:
    from ltxserve.app import App


def app_of(connection: HTTPConnection) -> App:
    """The wired application behind the server."""
    return connection.app.state.app


async def _generations(connection: HTTPConnection) -> Generations:
    return app_of(connection).generations


async def _feeds(connection: HTTPConnection) -> Feeds:
    return connection.app.state.feeds


async def _stand_ins(connection: HTTPConnection) -> StandIns:
    return connection.app.state.stand_ins


def checked_id(given: str) -> str:
    """An id as the database writes it. Raises NotFound `job_not_found` for what is no id."""
    try:
        return str(uuid.UUID(given)) if len(given) == 36 else _unknown()
    except ValueError:
        return _unknown()


def checked_cursor(given: str | None, field: str = "cursor") -> str | None:
    """The cursor of a page, None for the first. Raises RequestRefused for what is no cursor."""
    if not given:
        return None
    try:
        return checked_id(given)
    except NotFound:
        hint = "Give the last id of the page before, or leave it out."
        problem = Problem("invalid_field", "This is no cursor of a list.", hint, field)
        raise RequestRefused([problem]) from None


def _unknown() -> str:
    raise NotFound("job_not_found", "There is no such job.", "Check the id.", "id")


async def _job_id(id: Annotated[str, Path(description="A job's id.")]) -> str:
    return checked_id(id)


# Dependencies that only look something up are async: a plain function would cost a thread.
Jobs = Annotated[Generations, Depends(_generations)]
FeedsOf = Annotated[Feeds, Depends(_feeds)]
Models = Annotated[StandIns, Depends(_stand_ins)]
JobId = Annotated[str, Depends(_job_id)]
