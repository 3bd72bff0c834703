"""RunPod Serverless over HTTP: one endpoint's calls as documented; keeps nothing in mind.

Plain httpx: the official SDK takes seconds to import, reads its settings at import, and retries
and drops errors in ways that a pool has to know of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from ltxserve.errors import ConfigurationError
from ltxserve.pool.base import PoolUnavailable

API = "https://api.runpod.ai/v2"
CONNECT, ANSWER = 5.0, 20.0
RUN_SECONDS = range(5, 604_801)
"""What RunPod takes as the time limit of a run."""
_JSON = {"Content-Type": "application/json"}  # RunPod wants it on an empty body, too


@dataclass(frozen=True)
class Endpoint:
    """Where work goes. slots: runs in flight at most, which should be the endpoint's workers.

    seconds: RunPod ends a run after so long. stream: updates are taken from /stream, for
    handlers that yield them; otherwise from /status, which has the newest alone.
    """

    name: str
    api: str = API
    slots: int = 3
    seconds: int = 3600
    stream: bool = False

    @classmethod
    def of(cls, url: str) -> Endpoint:
        """From runpod://ENDPOINT_ID?slots=3&seconds=3600&updates=stream&api=URL.

        Raises ConfigurationError `settings_invalid`.
        """
        parts = urlsplit(url)
        told = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        wrong = ConfigurationError(
            "settings_invalid",
            "The pool's URL cannot be read.",
            "Write runpod://ENDPOINT_ID?slots=3&seconds=3600.",
            "LTXSERVE_POOL",
        )
        try:
            endpoint = cls(
                name=parts.netloc,
                api=told.pop("api", API).rstrip("/"),
                slots=int(told.pop("slots", cls.slots)),
                seconds=int(told.pop("seconds", cls.seconds)),
                stream=told.pop("updates", "") == "stream",
            )
        except ValueError:
            raise wrong from None
        if told or not endpoint.name or endpoint.slots < 1 or endpoint.seconds not in RUN_SECONDS:
            raise wrong
        return endpoint


class Api:
    """One endpoint. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, secret: str) -> None:
        self._client = httpx.Client(
            base_url=f"{endpoint.api}/{endpoint.name}",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=httpx.Timeout(ANSWER, connect=CONNECT),
        )

    @property
    def is_closed(self) -> bool:
        return self._client.is_closed

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def run(self, body: bytes) -> httpx.Response:
        """POST /run, whatever is answered. Raises httpx.HTTPError: what it means depends."""
        return self._client.post("/run", content=body, headers=_JSON)

    def status(self, remote: str) -> dict[str, Any] | None:
        """A run's state, None = RunPod does not know it. Raises PoolUnavailable."""
        return self._get(f"/status/{remote}")

    def stream(self, remote: str) -> list[Any]:
        """What a run has yielded since the last call. Raises PoolUnavailable."""
        chunks = (self._get(f"/stream/{remote}") or {}).get("stream") or ()
        return [chunk.get("output") for chunk in chunks if isinstance(chunk, dict)]

    def health(self) -> dict[str, Any] | None:
        """Counts of jobs and workers, None = there is no such endpoint. Raises PoolUnavailable."""
        return self._get("/health")

    def cancel(self, remote: str) -> None:
        """Cancel a run; one that is over or unknown is no error. Raises PoolUnavailable."""
        try:
            answer = self._client.post(f"/cancel/{remote}", headers=_JSON)
        except httpx.HTTPError as error:
            raise _silent(error) from error
        if answer.status_code in (401, 403, 429) or answer.status_code >= 500:
            raise unavailable(f"RunPod answered {answer.status_code}")

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            answer = self._client.get(path)
        except httpx.HTTPError as error:
            raise _silent(error) from error
        if answer.status_code == 404:
            return None
        if not answer.is_success:
            raise unavailable(f"RunPod answered {answer.status_code}")
        return told_by(answer)


def told_by(answer: httpx.Response) -> dict[str, Any]:
    """An answer's JSON object. Raises PoolUnavailable."""
    try:
        told = answer.json()
    except ValueError as error:
        raise unavailable("RunPod's answer is no JSON") from error
    return told if isinstance(told, dict) else {}


def unavailable(what: str) -> PoolUnavailable:
    """The error for an endpoint that cannot be used now."""
    return PoolUnavailable("pool_unavailable", f"{what}.", "Look at the endpoint and its API key.")


def _silent(error: httpx.HTTPError) -> PoolUnavailable:
    return unavailable(f"RunPod does not answer ({type(error).__name__})")
