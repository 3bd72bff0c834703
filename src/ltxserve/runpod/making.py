"""Does a job, in the thread that owns the GPU: reads its input, makes its clips, gives them back.

Knows the engine and plain data; nothing of RunPod's protocol. Whatever it raises is coded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ltxserve.engine.clip import FORMATS
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import Plan, parse_request, plan
from ltxserve.engine.settle import Eyes, settle
from ltxserve.errors import GenerationFailed, LtxserveError, Problem, RequestRefused
from ltxserve.media.examine import MediaLimits
from ltxserve.media.fetch import FetchRules
from ltxserve.media.stitch.nouns import Stitch
from ltxserve.media.stitch.run import Writing, write_stitch
from ltxserve.pool.base import Body, Tell
from ltxserve.runpod.answers import Made, of_clip, of_stitch, view
from ltxserve.runpod.defaults import filled
from ltxserve.runpod.inputs import Sources
from ltxserve.runpod.outputs import Delivery, Finished, Outputs
from ltxserve.runpod.percent import MOST, Percent
from ltxserve.runpod.results import failure
from ltxserve.runpod.schema import Reading, mode_of, read, unwrapped
from ltxserve.service.scratch import Scratch
from ltxserve.service.stitches import fetch_clips
from ltxserve.service.stitches import read as read_stitch

_SUFFIXES = {kind: suffix for suffix, kind in FORMATS.items()}
MAX_SEED = 2**63 - 1
BROKEN = "device_broken"
JOINED_CRF = 12
"""Quality of clips that are encoded once more when they are joined: nearly without loss."""
UNSEEN = Eyes(lambda source: None, lambda source: None)
"""Looks at nothing: a caller's source may name anything until it lies in the job's folder."""


@dataclass(frozen=True)
class Order:
    """A job as RunPod hands it over. s3: RunPod's `s3Config` beside the input, if any."""

    job_id: str
    input: Any
    s3: Any = None


@dataclass(frozen=True)
class Workshop:
    """What every job is done with.

    model: serves jobs that name none. revision: of its weights, reported in every result.
    """

    engine: Engine
    outputs: Outputs
    scratch: Scratch
    model: str
    revision: Callable[[str], str]
    rules: FetchRules = field(default_factory=FetchRules)
    limits: MediaLimits = field(default_factory=MediaLimits)


class Maker:
    """A worker's body. pooled: does the work of a service whose pool is this endpoint."""

    def __init__(self, shop: Workshop, pooled: Body) -> None:
        self._shop = shop
        self._pooled = pooled

    def __call__(self, order: Order, tell: Tell) -> dict[str, Any]:
        """The output of a job. Raises LtxserveError, and what `tell` raises (Cancelled)."""
        given = unwrapped(order.input)
        if is_pooled(given):
            return dict(self._pooled(dict(given["work"]["payload"]), tell))
        begun = time.monotonic()
        with self._shop.scratch.room() as room:
            job = _Job(self._shop, order, Path(room), tell)
            return job.run(_with_s3(given, order.s3), begun)


def is_pooled(given: Any) -> bool:
    """Whether an input is work of a service of ours: {"work": {job_id, attempt, payload}}."""
    work = given.get("work") if isinstance(given, Mapping) and set(given) == {"work"} else None
    return isinstance(work, Mapping) and isinstance(work.get("payload"), Mapping)


def _with_s3(given: Mapping[str, Any], config: Any) -> Mapping[str, Any]:
    """The input with the bucket that RunPod's own `s3Config` names, unless it names one itself."""
    if not isinstance(config, Mapping) or given.get("s3") or given.get("upload_url"):
        return given
    words = {"accessId", "accessSecret", "bucketName", "endpointUrl", "region", "prefix"}
    kept = {name: value for name, value in config.items() if name in words}
    return {**given, "s3": kept} if kept else given


class _Job:
    def __init__(self, shop: Workshop, order: Order, folder: Path, tell: Tell) -> None:
        self._shop = shop
        self._order = order
        self._folder = folder
        self._tell = tell
        self._sources = Sources(folder, shop.rules, shop.limits, self._fetching)

    def run(self, given: Mapping[str, Any], begun: float) -> dict[str, Any]:
        reading = read(given)
        asked = reading.extras.stitch
        count = 1 if asked is not None else len(reading.prompts)
        reading.problems += self._shop.outputs.problems(reading, count)
        if asked is None:
            made = self._generated(reading)
            return self._answer(reading, made, begun)
        stitch = _stitch_of(reading, asked)
        clips = [] if asked.get("clips") else self._generated(reading)
        return self._answer(reading, [self._joined(reading, stitch, clips)], begun)

    # ── making ──────────────────────────────────────────────────────────────────────────────
    def _generated(self, reading: Reading) -> list[Made | LtxserveError]:
        """The clips; of several, one that fails leaves its error, and the others are made."""
        if not reading.is_open:
            reading.refuse()
        requests = self._requests(reading)
        # By their words first: what is refused for them needs no source, and none is looked at.
        self._planned(reading, requests, UNSEEN)
        local = [self._localized(reading, request) for request in requests]
        plans = self._planned(reading, local, Eyes())
        made: list[Made | LtxserveError] = []
        for number, planned in enumerate(plans):
            path = self._folder / f"clip-{number}{_SUFFIXES[planned.output.format]}"
            progress = Percent(self._tell, planned, number, len(plans))
            try:
                asked = parse_request(local[number])
                clip = self._shop.engine.write(asked, path, progress, durable=False)
                made.append(of_clip(clip, self._shop.revision(planned.model)))
            except GenerationFailed as error:
                # A film that lacks a part is not what was asked for.
                if error.code == BROKEN or len(plans) == 1 or reading.extras.stitch is not None:
                    raise
                made.append(error)
        failed = [one for one in made if isinstance(one, LtxserveError)]
        if len(failed) == len(made):
            raise failed[0]
        return made

    def _requests(self, reading: Reading) -> list[dict[str, Any]]:
        request = filled(reading.request, self._shop.engine.catalog, self._shop.model)
        if reading.extras.stitch is not None:
            # What is joined afterwards has to be joinable; the stitch's own output decides then.
            request["output"] = {"format": "mp4", "crf": JOINED_CRF}
        requests = []
        for number, prompt in enumerate(reading.prompts):
            seed = request.get("seed")
            counts_up = isinstance(seed, int) and number and 0 <= seed <= MAX_SEED - number
            own = {"seed": seed + number} if counts_up and seed is not None else {}
            requests.append({**request, "prompt": prompt, **own})
        return requests

    def _planned(self, reading: Reading, requests: list[dict[str, Any]], eyes: Eyes) -> list[Plan]:
        """The plans, unless there is a problem: then all of them are told, of reading too."""
        catalog = self._shop.engine.catalog
        plans: list[Plan] = []
        problems: list[Problem] = []
        for request in requests:
            try:
                plans.append(plan(settle(parse_request(request), catalog, eyes), catalog))
            except RequestRefused as refused:
                problems += refused.problems
            except LtxserveError as error:
                problems.append(Problem(error.code, error.message, error.hint, error.field))
        reading.refuse(tuple(problems))
        return plans

    def _localized(self, reading: Reading, request: dict[str, Any]) -> dict[str, Any]:
        local, problems = self._sources.localized(request)
        reading.refuse(tuple(problems))
        return local

    def _fetching(self, there: int) -> None:
        """A source may take a minute: said, so that a cancelled job does not wait for the rest."""
        self._tell({"stage": "fetch", "step": there, "of": there + 1, "percent": 0.0})

    def _joined(
        self, reading: Reading, stitch: Stitch, clips: Sequence[Made | LtxserveError]
    ) -> Made:
        """Clips as one: those that were just made, or else those that the stitch names."""
        reading.refuse()
        made = [clip for clip in clips if isinstance(clip, Made)]
        begun = time.monotonic()
        path = self._folder / f"joined.{stitch.output.format}"
        try:
            files = [one.path for one in made] or fetch_clips(stitch, self._sources.video)
            to = Writing(path, observer=Percent(self._tell), durable=False)
            done = write_stitch(stitch, files, to)
        except RequestRefused as refused:
            raise RequestRefused(_in_stitch(refused)) from None
        return of_stitch(done, made, time.monotonic() - begun)

    # ── answering ───────────────────────────────────────────────────────────────────────────
    def _answer(
        self, reading: Reading, made: Sequence[Made | LtxserveError], begun: float
    ) -> dict[str, Any]:
        extras, total = reading.extras, len(made)
        delivery = Delivery(
            self._order.job_id,
            extras.file_name,
            extras.return_signed_url,
            extras.return_base64,
            reading.upload_urls,
            extras.s3,
        )
        done = {number: one for number, one in enumerate(made) if isinstance(one, Made)}
        clips = [
            Finished(m.path, m.media_type, m.path.stat().st_size, m.meta["sha256"], n, total)
            for n, m in done.items()
        ]

        def storing(number: int) -> None:
            self._tell({"stage": "store", "step": number, "of": len(clips), "percent": MOST})

        stored = time.monotonic()
        given = self._shop.outputs.deliver(clips, delivery, storing)
        places = dict(zip(done, given, strict=True))
        for one in done.values():
            one.meta["timings"]["store"] = round((time.monotonic() - stored) / len(done), 3)
            one.meta["total_seconds"] = round(time.monotonic() - begun, 3)
        mode = "stitch" if extras.stitch is not None else mode_of(reading)
        views = [
            failure(one) if isinstance(one, LtxserveError) else view(mode, one, places[number])
            for number, one in enumerate(made)
        ]
        if extras.prompts is None or extras.stitch is not None:
            return views[0]
        return {"ok": True, "mode": mode, "clips": views}


def _stitch_of(reading: Reading, asked: Mapping[str, Any]) -> Stitch:
    """The stitch, judged before anything is made; clips that are still to come stand in for it.

    What is wrong with it is noted in the reading; the stitch is then only a placeholder.
    """
    whole = dict(asked)
    if not whole.get("clips"):
        whole["clips"] = [{"source": "to come"}] * len(reading.prompts)
    if reading.extras.output_format and "output" not in whole:
        whole["output"] = {"format": reading.extras.output_format}
    try:
        return read_stitch(whole)
    except RequestRefused as refused:
        reading.problems += _in_stitch(refused)
        return Stitch(clips=())


def _in_stitch(refused: RequestRefused) -> list[Problem]:
    """Problems of a stitch, by the names that its caller gave."""
    return [
        Problem(p.code, p.message, p.hint, f"stitch.{p.field}" if p.field else "stitch")
        for p in refused.problems
    ]
