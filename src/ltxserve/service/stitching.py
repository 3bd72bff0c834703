"""Stitches as callers see them: judged, their clips settled, and queued like every other job.

What a stitch's job does is in `stitches`; getting, listing, cancelling and deleting it are those
of all jobs. Joining costs no credits: nothing is generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ltxserve.credits.pricing import Price
from ltxserve.errors import Conflict, MediaError, NotFound, Problem, RequestRefused
from ltxserve.jobs.rows import Job
from ltxserve.service.placing import Digests, Order, Placing, recognizable
from ltxserve.service.stitches import KIND, read
from ltxserve.service.submission import Submission, check

if TYPE_CHECKING:
    from ltxserve.accounts.accounts import Account

CLIPS = ("video",)
"""What a clip of a stitch may be."""


class Clips(Digests, Protocol):
    """Settles what callers name: uploads, finished jobs, URLs, data URIs."""

    def settle_one(self, account: Account, source: str, families: Sequence[str] = ...) -> str:
        """The source as workers read it. Raises MediaError, NotFound, Conflict."""
        ...


@dataclass(frozen=True)
class Stitches:
    """The use case; may be called from any thread, and does not wait for the run."""

    placing: Placing
    sources: Clips

    def submit(self, account: Account, submission: Submission) -> Job:
        """Queue a stitch, whose request is that of `Stitch`.

        Raises RequestRefused with every problem, also of clips that cannot be had; LimitReached
        `too_many_jobs`, Conflict `idempotency_conflict`.
        """
        check(submission)
        if submission.is_batch:
            hint = "Submit each stitch for itself."
            raise RequestRefused([Problem("invalid_field", "A stitch is one job.", hint, "count")])
        stitch = read(submission.request)
        submission = recognizable(account, submission, self.sources)
        # Before any clip is fetched again.
        first = self.placing.repeated(account, submission)
        if first is not None:
            return first
        settled = self._settled(account, [clip.source for clip in stitch.clips])
        clips = tuple(
            clip.model_copy(update={"source": source})
            for clip, source in zip(stitch.clips, settled, strict=True)
        )
        asked = stitch.model_copy(update={"clips": clips})
        shown = asked.model_dump(mode="json", exclude_defaults=True)
        order = Order(KIND, shown, Price(0, account.price_list, ()))
        return self.placing.place(account, submission, [order])

    def _settled(self, account: Account, sources: Sequence[str]) -> list[str]:
        """Every source as workers read it, each taken once."""
        known: dict[str, str] = {}
        problems: list[Problem] = []
        for index, source in enumerate(sources):
            try:
                if source not in known:
                    known[source] = self.sources.settle_one(account, source, CLIPS)
            except (MediaError, NotFound, Conflict) as error:
                where = f"clips.{index}.source"
                problems.append(Problem(error.code, error.message, error.hint, where))
        if problems:
            raise RequestRefused(problems)
        return [known[source] for source in sources]
