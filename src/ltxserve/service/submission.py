"""What a caller submits and what it expands to: one request, or a batch of them; pure."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ltxserve.credits.pricing import Price, PriceLine
from ltxserve.engine.plan import Plan
from ltxserve.errors import Problem, RequestRefused
from ltxserve.jobs.rows import Json
from ltxserve.service.sources import sources_of

MAX_JOBS = 64
"""Jobs of one batch."""
MAX_PRIORITY = 100
MAX_TIMEOUT = 24 * 3600.0
MAX_KEY = 255
_MAX_METADATA = 16_384
_MAX_URL = 2048
_MAX_SEED = 2**63 - 1
_DRAWN_SEEDS = 2**31
"""Seeds are drawn below this, so that every client's integers can hold them."""


@dataclass(frozen=True)
class Submission:
    """What is asked for, and how it is to be handled.

    request: the fields of a GenerationRequest as plain data. prompts: several jobs, one each,
    instead of the request's own prompt. count: how many variations of each; a given seed counts up.
    Either makes a batch: one parent with children. idempotency_key: the same key within a day
    returns the first job. priority: -100 to 100, higher is sooner among the account's own jobs.
    metadata: the caller's own, given back as it is. timeout_seconds: of the run, not of the queue.
    digests: SHA-256 of uploads that the request names, by id.
    """

    request: Mapping[str, Any]
    count: int = 1
    prompts: tuple[str, ...] = ()
    idempotency_key: str | None = None
    webhook_url: str | None = None
    priority: int = 0
    metadata: Mapping[str, Any] | None = None
    dialect: str = "native"
    timeout_seconds: float | None = None
    warnings: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_batch(self) -> bool:
        """Whether it makes a parent with children."""
        return self.count > 1 or bool(self.prompts)

    def fingerprint(self) -> str:
        """The same for the same request, whatever the order of its fields.

        With uploads two words, by their ids and by their content, of which one has to be the same:
        a file that is sent again has another id, and one that was removed has no content.
        """
        by_content = copy.deepcopy(dict(self.request))
        for _, part in sources_of(by_content):
            part["source"] = self.digests.get(part["source"], part["source"])
        return " ".join(dict.fromkeys(map(self._digest, (self.request, by_content))))

    def _digest(self, request: Mapping[str, Any]) -> str:
        asked = [
            dict(request),
            self.count,
            list(self.prompts),
            self.webhook_url,
            dict(self.metadata) if self.metadata is not None else None,
            self.dialect,
        ]
        text = json.dumps(asked, sort_keys=True, default=str, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def requests(self) -> list[Json]:
        """The request of every job, each with a seed: a retry makes the same clip."""
        base = dict(self.request)
        texts = self.prompts or (base.get("prompt"),)
        seed = base.get("seed")
        made: list[Json] = []
        for text in texts:
            for number in range(self.count):
                one = {**base, "seed": _seed(seed, number)}
                if text is not None:
                    one["prompt"] = text
                made.append(one)
        return made


@dataclass(frozen=True)
class Quote:
    """What a submission would cost and run, before anything is done.

    plan, price: of the first job; a batch has `jobs` of them and costs `credits` in all.
    """

    plan: Plan
    price: Price
    balance: int
    jobs: int = 1
    credits: int = 0
    lines: tuple[PriceLine, ...] = field(default=())

    @property
    def affordable(self) -> bool:
        """Whether the balance is enough."""
        return self.balance >= self.credits

    def to_dict(self) -> Json:
        """The quote as plain JSON data."""
        return {
            "credits": self.credits,
            "price_list": self.price.price_list,
            "lines": [{"text": line.text, "credits": line.credits} for line in self.lines],
            "balance": self.balance,
            "affordable": self.affordable,
            "jobs": self.jobs,
            "plan": self.plan.to_dict(),
        }


def check(submission: Submission) -> None:
    """Judge everything but the request itself. Raises RequestRefused with every problem."""
    problems = [
        problem
        for problem in (
            _count(submission),
            _number("priority", submission.priority, -MAX_PRIORITY, MAX_PRIORITY),
            _number("timeout_seconds", submission.timeout_seconds, 1.0, MAX_TIMEOUT),
            _key(submission.idempotency_key),
            _webhook(submission.webhook_url),
            _metadata(submission.metadata),
        )
        if problem is not None
    ]
    if problems:
        raise RequestRefused(problems)


def _seed(seed: Any, number: int) -> Any:
    if seed is None:
        return secrets.randbelow(_DRAWN_SEEDS)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= _MAX_SEED:
        return seed  # the request's own check says what is wrong
    return (seed + number) % (_MAX_SEED + 1)


def _count(submission: Submission) -> Problem | None:
    jobs = submission.count * max(1, len(submission.prompts))
    if submission.count >= 1 and jobs <= MAX_JOBS:
        return None
    what = f"The batch would have {jobs} jobs."
    return Problem("invalid_field", what, f"Ask for 1 to {MAX_JOBS} in all.", "count")


def _number(name: str, value: float | None, low: float, high: float) -> Problem | None:
    if value is None or (math.isfinite(value) and low <= value <= high):
        return None
    return Problem("invalid_field", f"{name} is {value}.", f"Use {low:g} to {high:g}.", name)


def _key(key: str | None) -> Problem | None:
    if key is None or (0 < len(key) <= MAX_KEY and key.isprintable()):
        return None
    hint = f"Use 1 to {MAX_KEY} printable characters."
    return Problem("invalid_field", "The key cannot be used.", hint, "Idempotency-Key")


def _webhook(url: str | None) -> Problem | None:
    if url is None:
        return None
    hint = "Give a whole http(s) URL."
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        fits = False
    if fits and len(url) <= _MAX_URL and url.isprintable():
        return None
    return Problem("url_refused", "The webhook's URL cannot be used.", hint, "webhook_url")


def _metadata(metadata: Mapping[str, Any] | None) -> Problem | None:
    if metadata is None:
        return None
    try:
        size = len(json.dumps(dict(metadata), allow_nan=False))
    except (TypeError, ValueError):
        return Problem("invalid_field", "The metadata is not JSON.", "Use plain data.", "metadata")
    if size <= _MAX_METADATA:
        return None
    hint = f"Keep it under {_MAX_METADATA} bytes of JSON."
    return Problem("invalid_field", f"The metadata has {size} bytes.", hint, "metadata")
