"""How a service logs: one line per event on stderr, JSON unless somebody watches; no secrets.

Modules log through the standard library with what belongs to a line in `extra`, such as job_id.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

_SECRET = re.compile(
    r"ltx_[0-9a-z]{12}_[\w-]{10,}|whsec_[\w+/=]{10,}|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?<=/files/)[\w.-]{20,}"
)
_HIDDEN = "(hidden)"
_NOISY = ("httpx", "httpcore", "uvicorn.access", "alembic", "dbos")


def set_up(as_json: bool | None = None, level: int = logging.INFO) -> None:
    """Send every log line to stderr. as_json: None = unless stderr is a terminal."""
    import structlog

    plain = sys.stderr.isatty() if as_json is None else not as_json
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _drop_colour,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = (
        [structlog.dev.ConsoleRenderer()]
        if plain
        else [
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.processors.JSONRenderer(),
        ]
    )
    wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    structlog.configure(processors=[*shared, wrap], logger_factory=structlog.stdlib.LoggerFactory())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "dbos"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def _drop_colour(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """uvicorn sends every message twice, once with colours."""
    del logger, method
    event.pop("color_message", None)
    return event


def hide_secrets(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: keys, webhook secrets, passwords in URLs and signed links go."""
    del logger, method
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _SECRET.sub(_HIDDEN, value)
    return event
