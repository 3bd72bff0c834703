"""Requests that change or lengthen a video: pure, but for finding it.

An edit makes the whole video over, so that its composition stays; an extension goes on from it; a
retake makes a range of it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
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

EDIT_STRENGTH = 0.9
"""Noise level that an edit starts from: places and shapes stay, the prompt can act on the rest."""


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
    """The request of an edit: same extent, same seed, another prompt, on the noised video."""
    request = _base(original, prompt, model)
    request["num_frames"] = geometry.frames_floor(original.num_frames)
    request["video_to_video"] = {"source": original.source, "strength": EDIT_STRENGTH}
    return request


def longer(original: Original, prompt: str, model: str, how: Mapping[str, Any]) -> dict[str, Any]:
    """The request of an extension. how: fields of the request's `extend`."""
    request = _base(original, prompt or original.prompt, model)
    request["extend"] = {"source": original.source, **how}
    return request


def retaken(original: Original, prompt: str, model: str, how: Mapping[str, Any]) -> dict[str, Any]:
    """The request of a retake. how: fields of the request's `retake`.

    The seed that made the video would make the same range again, so it is left to chance.
    """
    request = _base(original, prompt or original.prompt, model)
    request.pop("seed", None)
    request["retake"] = {"source": original.source, **how}
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
