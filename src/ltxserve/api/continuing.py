"""Requests that change or lengthen a video, as far as conditions can: pure, but for finding it.

An edit is generated on the whole video as a loose condition, so that its composition stays; an
extension is generated at full length with the video as a fixed condition at its start or end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ltxserve.api.context import checked_id
from ltxserve.api.facts import extent_of, model_of, prompt_of, seed_of, shown
from ltxserve.engine import geometry
from ltxserve.errors import Conflict, MediaError, NotFound, Problem, RequestRefused

if TYPE_CHECKING:
    from ltxserve.accounts.accounts import Account
    from ltxserve.app import App
    from ltxserve.jobs.rows import Job

EDIT_STRENGTH = 0.5
"""How much of the source an edit keeps: half, so that the prompt can act (1 would copy it)."""


@dataclass(frozen=True)
class Original:
    """A video to go on from: pixels, frames, rate; model, prompt and seed where a job made it."""

    source: str
    width: int
    height: int
    num_frames: int
    fps: float
    model: str | None = None
    prompt: str = ""
    seed: int | None = None


def original_of(app: App, account: Account, given: str, field: str) -> Original:
    """The video that a caller names: a finished job's, an upload, a URL or a data URI.

    Raises RequestRefused, Conflict `not_ready`, NotFound.
    """
    try:
        identifier = checked_id(given.strip())
    except NotFound:
        try:
            settled = app.inputs.settle_one(account, given, ("video",))
        except (MediaError, NotFound, Conflict) as error:
            problem = Problem(error.code, error.message, error.hint, field)
            raise RequestRefused([problem]) from None
        identifier = str(shown(settled))
    try:
        return of_job(app.generations.get(account, identifier))
    except NotFound:
        return _of_upload(app, account, identifier, field)


def of_job(job: Job) -> Original:
    """A finished job's video. Raises Conflict `not_ready`."""
    extent = extent_of(job)
    if str(job.state) != "succeeded" or extent is None or job.result is None:
        hint = "Wait until it has succeeded." if not job.is_terminal else ""
        raise Conflict("not_ready", f"The video is {job.state}.", hint, "video")
    size = (extent.width, extent.height, extent.num_frames, extent.fps)
    model = model_of(job) or None
    return Original(job.id, *size, model, prompt_of(job), seed_of(job))


def edited(original: Original, prompt: str, model: str) -> dict[str, Any]:
    """The request of an edit: same extent, same seed, another prompt, the video as loose guide."""
    request = _base(original, prompt, model)
    request["num_frames"] = geometry.frames_floor(original.num_frames)
    request["conditions"] = [{"source": original.source, "frame": 0, "strength": EDIT_STRENGTH}]
    return request


def longer(
    original: Original, prompt: str, seconds: float, model: str, before: bool = False
) -> dict[str, Any]:
    """The request of an extension: the video, and `seconds` more after (or before) it."""
    kept = geometry.frames_floor(original.num_frames)
    total = geometry.frames_nearest(kept + min(seconds, 3600.0) * original.fps)
    total = max(total, kept + geometry.FRAME_STEP)
    request = _base(original, prompt or original.prompt, model)
    request["num_frames"] = total
    place = total - kept if before else 0
    condition = {"source": original.source, "frame": place, "strength": 1.0, "num_frames": kept}
    request["conditions"] = [condition]
    return request


def _base(original: Original, prompt: str, model: str) -> dict[str, Any]:
    """model: serves where no job of ours made the video; it is strict about lengths and sizes."""
    request: dict[str, Any] = {
        "prompt": prompt,
        "width": original.width,
        "height": original.height,
        "fps": original.fps,
        "model": original.model or model,
    }
    if original.seed is not None:
        request["seed"] = original.seed
    return request


def _of_upload(app: App, account: Account, identifier: str, field: str) -> Original:
    upload = app.uploads.get(account, identifier)
    info = upload.info
    if upload.family != "video" or not info.get("num_frames"):
        hint = "Send a video."
        raise RequestRefused([Problem("media_unsupported", "This is no video.", hint, field)])
    size = (info["width"], info["height"], info["num_frames"], float(info["fps"]))
    return Original(identifier, *size)
