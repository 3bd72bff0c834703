"""Every error ltxserve raises on purpose: one tree, stable codes, each with the fix.

Knows nothing of HTTP statuses or exit codes; doors translate.

    LtxserveError
    |-- RequestRefused      the request cannot run as asked; lists every problem at once
    |-- ModelUnavailable    the model is known but its weights or backend are not here
    |-- MediaError          an image, video or sound cannot be read or written
    |-- StorageError        a file cannot be stored, found, read back or linked to
    |-- GenerationFailed    the run started and broke
    |   `-- OutOfMemory     ... because memory ran out
    |-- Cancelled           an observer asked to stop
    |-- AccessDenied        no key, a key that does not count, or one that may not do this
    |-- NotFound            nothing of this id belongs to the caller
    |-- Conflict            what is asked contradicts what is already there
    |-- InsufficientCredits the account cannot pay for it
    |-- LimitReached        the account has as much going on as it may
    |-- DatabaseUnavailable the database cannot be reached or has no room
    |-- ServiceUnavailable  a service called from here does not answer, or not in time
    `-- ConfigurationError  settings or catalog data are wrong
"""

# ruff: noqa: N818 - names say what happened (RequestRefused), not that it is an error

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

CODES: dict[str, str] = {
    # the request as a whole
    "request_refused": "The request has problems; each is listed with its own code.",
    "invalid_field": "A field has a value of the wrong type or outside its choices.",
    "unknown_field": "The request has a field that does not exist.",
    "conflicting_fields": "Two fields say different things about the same choice.",
    "not_a_number": "A number is NaN or infinite.",
    # names
    "unknown_model": "No model of this name is in the catalog.",
    "not_yet_in_this_build": "The model is in the catalog, but this build cannot run it yet.",
    "unknown_preset": "No preset of this name is in the catalog.",
    "unknown_lora": "No adapter of this name is in the catalog.",
    # text
    "prompt_empty": "The prompt has no text.",
    "prompt_enhancement_unsupported": "The model's text encoder cannot write out a prompt.",
    "prompt_too_long": "The prompt or negative prompt is longer than the limit.",
    "negative_prompt_unsupported": "The model has no guidance, so a negative prompt cannot act.",
    # picture and time
    "size_invalid": "Width, height, size or aspect_ratio cannot be read as a picture size.",
    "size_out_of_range": "The picture is smaller or larger than the model makes.",
    "size_not_divisible": "Width or height is not a multiple the model can make.",
    "num_frames_invalid": "The number of frames is not one the model can make.",
    "num_frames_out_of_range": "The clip has fewer or more frames than the model makes.",
    "duration_too_long": "The clip is longer than the model was made for.",
    "auto_length_unsupported": "The model cannot choose a clip's length.",
    "fps_out_of_range": "The frame rate is outside the range that can be made.",
    # sampling
    "seed_out_of_range": "The seed is not a whole number from 0 to 2**63 - 1.",
    "steps_out_of_range": "The number of denoising steps is outside its range.",
    "sigmas_invalid": "The sigmas are not a falling series between 1 and 0.",
    "guidance_out_of_range": "A guidance term is outside its range.",
    "guidance_unsupported": "The model cannot use this guidance term.",
    "stg_blocks_invalid": "An STG block index is not a transformer block of the model.",
    # conditions
    "conditions_unsupported": "The model cannot be conditioned in this way.",
    "too_many_conditions": "The request has more conditions than the limit.",
    "source_invalid": "A source is not a path, an http(s) URL or a data URI.",
    "frame_out_of_range": "A condition's frame lies outside the clip.",
    "frame_conflict": "Two conditions claim the same frames.",
    "strength_out_of_range": "A strength is outside its range.",
    # adapters, controls, later stages
    "lora_unsupported": "The model cannot load this adapter.",
    "camera_motion_unsupported": "The model does not know this camera motion.",
    "controls_unsupported": "The model cannot follow a control video.",
    "upscale_unsupported": "The model has no upscaler of this kind.",
    "dfr_unsupported": "The model cannot render in this way, or not so often.",
    "audio_unsupported": "The model makes no sound.",
    # clips made from a video or to a sound
    "video_to_video_unsupported": "The model cannot make a video over.",
    "retake_unsupported": "The model cannot make a range of a video anew.",
    "extend_unsupported": "The model cannot go on from a video.",
    "audio_to_video_unsupported": "The model cannot make a clip to a given sound.",
    "retake_range_invalid": "The range to make anew is empty or lies outside the source.",
    "extension_invalid": "What is to be added to a video, or its context, cannot be made.",
    "source_too_short": "The source is shorter than what is asked of it.",
    # output
    "output_invalid": "The output format, quality or file name cannot be used.",
    # stitching
    "clips_missing": "The stitch names no clips.",
    "too_many_clips": "The stitch names more clips than the limit.",
    "trim_invalid": "The part of the clip that is to be used is empty or lies outside it.",
    "speed_out_of_range": "A clip's speed is outside its range.",
    "volume_out_of_range": "A clip's volume is outside its range.",
    "transition_invalid": "A transition is too long for its clips, or has nothing to act on.",
    "loudness_out_of_range": "The loudness target is outside its range.",
    # models and configuration
    "weights_missing": "The model's files are not on this machine.",
    "weights_corrupt": "The model's files are there but cannot be loaded.",
    "licence_not_accepted": "The model's licence has to be accepted first.",
    "repository_gated": "The hub gives the model's files only to accounts that accepted its terms.",
    "hub_unavailable": "The hub of models does not answer, or broke in the middle.",
    "download_corrupt": "What was downloaded is not what the hub announced.",
    "backend_missing": "A package or device that the model needs is not installed.",
    "settings_invalid": "A setting has a value that cannot be used.",
    "unknown_setting": "An environment variable LTXSERVE_* is not a known setting.",
    "catalog_invalid": "The catalog's data files contradict their schema.",
    # media
    "media_not_found": "The image, video or sound does not exist.",
    "media_unreadable": "The file is not an image, video or sound that can be decoded.",
    "media_unsupported": "The file is readable, but of a kind that cannot be used here.",
    "media_too_large": "The file is larger than the limit.",
    "media_fetch_failed": "The URL could not be fetched.",
    "media_write_failed": "The output file could not be written.",
    "encoder_missing": "The encoder for this format is not available.",
    "media_type_refused": "The content is of a kind that is not taken here.",
    "media_corrupt": "The content is damaged, or is not what it claims to be.",
    "url_refused": "The URL leads to an address or port that is not fetched from.",
    "file_name_invalid": "A file name is no plain name: it has a path or control characters.",
    # storage
    "storage_unavailable": "The file store does not answer, or broke in the middle.",
    "storage_refused": "The file store refused the request: access, bucket, size or type.",
    "storage_full": "There is no space left to write to.",
    "storage_key_invalid": "The name of a stored file is not one that can be used.",
    "file_not_found": "No file of this name is stored.",
    "range_invalid": "The part asked for lies outside the file.",
    "link_invalid": "The link was changed, or was not made here.",
    "link_expired": "The link is no longer valid.",
    "upload_exists": "A file was already sent to this upload address.",
    "upload_not_found": "No upload of this id belongs to the account.",
    # workers
    "no_free_slot": "Every worker is busy, starting or broken.",
    "worker_lost": "The worker died or fell silent while it was busy with the job.",
    "worker_start_failed": "A worker cannot start; nothing runs on it until its cause is gone.",
    "device_broken": "The device or its driver broke; the worker was replaced.",
    "pool_unavailable": "The pool of workers does not answer, or refuses this service.",
    # running
    "generation_failed": "The run started and broke.",
    "out_of_memory": "The run needed more memory than the device has.",
    "cancelled": "The run was stopped on request.",
    # accounts, credits and jobs
    "unauthorized": "The API key is missing, unknown, expired or revoked.",
    "forbidden": "The API key may not do this.",
    "account_not_found": "No account has this id or name.",
    "account_exists": "An account of this name is already there.",
    "key_not_found": "No API key has this id.",
    "job_not_found": "No job of this account has this id.",
    "job_not_finished": "The job is still running, so it cannot be deleted.",
    "too_many_jobs": "The account has as many waiting jobs as it may.",
    "job_timed_out": "The job took longer than it may.",
    "batch_failed": "None of the batch's jobs succeeded.",
    "insufficient_credits": "The account has fewer credits than the job costs.",
    "idempotency_conflict": "The Idempotency-Key was used for a different request.",
    "unknown_price_list": "No price list of this name is in the catalog.",
    "not_priced": "The price list has no price for this clip.",
    "database_on_network": "SQLite's file is on a network file system, which would damage it.",
    "database_unavailable": "The database cannot be reached or is too busy.",
    # talking to the service
    "not_found": "There is no such thing here, or it belongs to another account.",
    "method_not_allowed": "The address exists, but not for this method.",
    "body_invalid": "The body cannot be read as the kind of data it should be.",
    "body_too_large": "The body is larger than the limit.",
    "result_too_large": "The result is larger than can be answered, and there is no file store.",
    "origin_refused": "A page of another origin asked, or the Host header is not this server's.",
    "not_ready": "The clip is not finished yet, so it cannot be fetched.",
    "not_supported": "This API has such a call, but this service cannot do it.",
    "internal_error": "A bug of the service; the request id finds it in the log.",
    # talking to a service from outside
    "service_unreachable": "The service does not answer, or the connection broke.",
    "service_answer_invalid": "The service answered with something that cannot be read.",
    "wait_timed_out": "The job was not finished in the time given; it goes on running.",
}
"""Code -> one-line meaning. Codes never change meaning; new ones are only added."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a request: what, where (`field`, dotted path) and how to fix it."""

    code: str
    message: str
    hint: str
    field: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        return asdict(self)

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.message} {self.hint}".rstrip()


class LtxserveError(Exception):
    """Base of every error: a stable `code` of `CODES`, a message, a hint and maybe a field."""

    def __init__(self, code: str, message: str, hint: str = "", field: str | None = None) -> None:
        super().__init__(f"{message} {hint}".rstrip())
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field

    def to_dict(self) -> dict[str, object]:
        """What a machine reads: code, message, hint, field."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "field": self.field,
        }

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (one worker per GPU); Exception's own pickling
        # would call __init__ with the joined text alone.
        return type(self), (self.code, self.message, self.hint, self.field)


MAX_PROBLEMS = 100
"""Problems that a refusal lists; a request with thousands gets an answer of a sensible size."""


class RequestRefused(LtxserveError):
    """The request cannot run as asked; `problems` lists everything wrong with it, at least one.

    Of more than MAX_PROBLEMS, the first ones are listed.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = tuple(problems)
        if not found:
            raise ValueError("RequestRefused needs at least one problem")
        self.problems = found[:MAX_PROBLEMS]
        count = len(found)
        lead = "The request was refused:" if count == 1 else f"The request has {count} problems:"
        text = "; ".join(str(problem) for problem in self.problems)
        field = self.problems[0].field if count == 1 else None
        super().__init__("request_refused", f"{lead} {text}", "", field)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all problems, in the order in which they were found."""
        return tuple(problem.code for problem in self.problems)

    def to_dict(self) -> dict[str, object]:
        return {**super().to_dict(), "problems": [p.to_dict() for p in self.problems]}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,)


class ModelUnavailable(LtxserveError):
    """The model is known, but its weights, licence or backend are missing here."""


class MediaError(LtxserveError):
    """An image, video or sound cannot be read, fetched or written."""


class StorageError(LtxserveError):
    """A file cannot be stored, found, read back or linked to."""


class GenerationFailed(LtxserveError):
    """The run started and broke; the message says in which stage."""


class OutOfMemory(GenerationFailed):
    """The run needed more memory than the device has; the hint says what to reduce."""

    def __init__(
        self,
        code: str = "out_of_memory",
        message: str = "The device ran out of memory.",
        hint: str = "Use a smaller size, fewer frames, or low_vram.",
        field: str | None = None,
    ) -> None:
        super().__init__(code, message, hint, field)


class Cancelled(LtxserveError):
    """The run was stopped on request; nothing was written."""

    def __init__(
        self,
        code: str = "cancelled",
        message: str = "The run was cancelled.",
        hint: str = "",
        field: str | None = None,
    ) -> None:
        super().__init__(code, message, hint, field)


class ConfigurationError(LtxserveError):
    """Settings or catalog data are wrong; the operator, not the caller, must act."""


class AccessDenied(LtxserveError):
    """There is no valid API key (`unauthorized`), or it lacks the scope (`forbidden`)."""


class NotFound(LtxserveError):
    """Nothing of this id belongs to the caller; what belongs to others reads the same."""


class Conflict(LtxserveError):
    """What is asked contradicts what is already there; repeating it will not help."""


class InsufficientCredits(LtxserveError):
    """The account cannot pay; `price` and `balance` are whole credits."""

    def __init__(self, price: int, balance: int) -> None:
        self.price = price
        self.balance = balance
        super().__init__(
            "insufficient_credits",
            f"This costs {price} credits and the account has {balance}.",
            "Top up the account, or ask for a shorter or smaller clip.",
        )

    def to_dict(self) -> dict[str, object]:
        return {**super().to_dict(), "price": self.price, "balance": self.balance}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.price, self.balance)


class LimitReached(LtxserveError):
    """The account has as many jobs as it may; waiting helps."""


class DatabaseUnavailable(LtxserveError):
    """The database cannot be reached (`database_unavailable`) or has no room (`storage_full`)."""


class ServiceUnavailable(LtxserveError):
    """A service called from here does not answer, answers nonsense, or not in the time given."""
