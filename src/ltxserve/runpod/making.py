"""Does a job, in the thread that owns the GPU: reads its input, makes its clips, gives them back.

Knows the engine and plain data; nothing of RunPod's protocol. Whatever it raises is coded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ltxserve.engine.clip import FORMATS, ClipFile
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import Plan, parse_request, plan
from ltxserve.engine.settle import Eyes, settle
from ltxserve.errors import LtxserveError, Problem, RequestRefused
from ltxserve.media.encode import measure_file
from ltxserve.media.examine import MediaLimits
from ltxserve.media.fetch import FetchRules
from ltxserve.media.stitch.run import Stitched, Writing, write_stitch
from ltxserve.pool.base import Body, Tell
from ltxserve.progress import Progress
from ltxserve.runpod.defaults import filled
from ltxserve.runpod.inputs import Sources
from ltxserve.runpod.outputs import Delivery, Finished, Outputs
from ltxserve.runpod.schema import Reading, S3Target, mode_of, read, unwrapped
from ltxserve.service.course import Course
from ltxserve.service.packing import pack_frames
from ltxserve.service.scratch import Scratch
from ltxserve.service.stitches import fetch_clips
from ltxserve.service.stitches import read as read_stitch

_SUFFIXES = {kind: suffix for suffix, kind in FORMATS.items()}
MAX_SEED = 2**63 - 1
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


@dataclass(frozen=True)
class Made:
    """A clip, and what its `meta` says."""

    path: Path
    media_type: str
    meta: dict[str, Any]
    warnings: tuple[str, ...]


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
        self._sources = Sources(folder, shop.rules, shop.limits)

    def run(self, given: Mapping[str, Any], begun: float) -> dict[str, Any]:
        reading = read(given)
        stitch = reading.extras.stitch
        joins = stitch is not None and bool(stitch.get("clips"))
        count = 1 if stitch is not None else len(reading.prompts)
        reading.problems += self._shop.outputs.problems(reading, count)
        if joins:
            assert stitch is not None
            made = [self._joined(reading, stitch, None)]
        else:
            made = self._generated(reading)
            if stitch is not None:
                made = [self._joined(reading, stitch, made)]
        return self._answer(reading, made, begun)

    # ── making ──────────────────────────────────────────────────────────────────────────────
    def _generated(self, reading: Reading) -> list[Made]:
        requests = self._requests(reading)
        # By their words first: what is refused for them needs no source, and none is looked at.
        self._planned(reading, requests, UNSEEN)
        local = [self._localized(reading, request) for request in requests]
        plans = self._planned(reading, local, Eyes())
        made: list[Made] = []
        for number, (request, made_by) in enumerate(zip(local, plans, strict=True)):
            progress = _Percent(self._tell, made_by, number, len(plans))
            path = self._folder / f"clip-{number}{_SUFFIXES[made_by.output.format]}"
            made.append(self._of(self._shop.engine.write(parse_request(request), path, progress)))
        return made

    def _requests(self, reading: Reading) -> list[dict[str, Any]]:
        request = filled(reading.request, self._shop.engine.catalog, self._shop.model)
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

    def _of(self, made: ClipFile) -> Made:
        path, media_type, sha256 = made.path, made.file.media_type, made.file.sha256
        if path.is_dir():
            path, media_type = pack_frames(path), "application/zip"
            sha256 = measure_file(path)[1]
        timings = {name: round(seconds, 3) for name, seconds in made.timings.items()}
        meta = {
            "seed": made.seed,
            "fps": float(made.file.fps),
            "num_frames": made.file.num_frames,
            "width": made.file.width,
            "height": made.file.height,
            "inference_seconds": round(made.report.seconds, 3),
            "seconds": made.file.seconds,
            "has_sound": made.file.has_sound,
            "timings": timings,
            "model": made.plan.model,
            "revision": self._shop.revision(made.plan.model),
            "sha256": sha256,
            "peak_memory": made.report.peak_memory,
        }
        return Made(path, media_type, meta, (*made.warnings, *made.report.remarks))

    def _joined(self, reading: Reading, asked: Mapping[str, Any], clips: list[Made] | None) -> Made:
        """Clips as one: those that the stitch names, or those that were just made."""
        sources = None if clips is None else [{"source": str(clip.path)} for clip in clips]
        whole = {**asked} if sources is None else {**asked, "clips": sources}
        try:
            stitch = read_stitch(whole)
        except RequestRefused as refused:
            inside = [
                Problem(p.code, p.message, p.hint, f"stitch.{p.field}" if p.field else "stitch")
                for p in refused.problems
            ]
            reading.refuse(tuple(inside))
            raise
        reading.refuse()
        begun = time.monotonic()
        files = [clip.path for clip in clips] if clips else fetch_clips(stitch, self._sources.video)
        path = self._folder / f"joined.{stitch.output.format}"
        done = write_stitch(stitch, files, Writing(path, observer=_Percent(self._tell)))
        return self._stitched(done, clips or [], time.monotonic() - begun)

    def _stitched(self, done: Stitched, clips: list[Made], seconds: float) -> Made:
        file = done.file
        meta = {
            **(clips[0].meta if clips else {"seed": None}),
            "fps": float(file.fps),
            "num_frames": file.num_frames,
            "width": file.width,
            "height": file.height,
            "seconds": file.seconds,
            "has_sound": file.has_sound,
            "inference_seconds": round(sum(c.meta["inference_seconds"] for c in clips), 3),
            "timings": {"stitch": round(seconds, 3)},
            "clips": [{"seed": c.meta["seed"], "timings": c.meta["timings"]} for c in clips],
            "sha256": file.sha256,
        }
        warnings = tuple(dict.fromkeys([*(w for c in clips for w in c.warnings), *done.warnings]))
        return Made(file.path, file.media_type, meta, warnings)

    # ── answering ───────────────────────────────────────────────────────────────────────────
    def _answer(self, reading: Reading, made: list[Made], begun: float) -> dict[str, Any]:
        extras = reading.extras
        delivery = Delivery(
            self._order.job_id,
            extras.file_name,
            extras.return_signed_url,
            extras.return_base64,
            reading.upload_urls,
            extras.s3 if isinstance(extras.s3, S3Target) else None,
        )
        clips = [
            Finished(m.path, m.media_type, m.path.stat().st_size, m.meta["sha256"], n, len(made))
            for n, m in enumerate(made)
        ]
        self._tell({"stage": "store", "step": 0, "of": len(clips), "percent": 99})
        storing = time.monotonic()
        given = self._shop.outputs.deliver(clips, delivery)
        for one in made:
            one.meta["timings"]["store"] = round((time.monotonic() - storing) / len(made), 3)
            one.meta["total_seconds"] = round(time.monotonic() - begun, 3)
        mode = "stitch" if extras.stitch is not None else mode_of(reading)
        views = [
            {
                "ok": True,
                "mode": mode,
                **where,
                "video_url": where["video"]["url"],
                "meta": one.meta,
                "warnings": list(one.warnings),
            }
            for one, where in zip(made, given, strict=True)
        ]
        if extras.prompts is None or extras.stitch is not None:
            return views[0]
        return {"ok": True, "mode": mode, "clips": views}


class _Percent:
    """An observer that tells stage, step and percent of the whole job."""

    def __init__(self, tell: Tell, plan: Plan | None = None, number: int = 0, of: int = 1) -> None:
        self._tell = tell
        self._course = Course.of(plan.to_dict() if plan is not None else None)
        self._clip = {"clip": number + 1, "clips": of} if of > 1 else {}
        self._number, self._of = number, of
        self._reached = 0.0

    def __call__(self, progress: Progress) -> None:
        if self._course.stages:
            share = self._course.share(progress.stage, progress.step, progress.of)
        else:
            share = progress.fraction
        self._reached = max(self._reached, share if progress.stage != "load" else 0.0)
        percent = round(99 * (self._number + min(1.0, self._reached)) / self._of, 1)
        said = {"stage": progress.stage, "step": progress.step, "of": progress.of}
        self._tell({**said, "percent": percent, **self._clip})
