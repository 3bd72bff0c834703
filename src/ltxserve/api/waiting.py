"""Waits for a job's end without holding a thread; knows no dialect."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from ltxserve.api.facts import is_over
from ltxserve.api.feeds import Feeds

if TYPE_CHECKING:
    from ltxserve.accounts.accounts import Account
    from ltxserve.jobs.rows import Job
    from ltxserve.service.generations import Generations


async def until_over(
    feeds: Feeds, jobs: Generations, account: Account, job: Job, seconds: float
) -> Job:
    """The job as it is at its end, or after `seconds`, whichever comes first.

    A caller who goes away ends the waiting, never the job.
    """
    if not is_over(job):
        read = partial(jobs.events, account, job.id)
        try:
            async with asyncio.timeout(seconds):
                async with aclosing(feeds.listen(job.id, read, job.last_event)) as events:
                    async for _ in events:
                        pass
        except TimeoutError:
            pass
        job = await run_in_threadpool(jobs.get, account, job.id)
    return job
