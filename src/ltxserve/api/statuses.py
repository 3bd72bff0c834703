"""Which HTTP status each error code is answered with; knows no shape of an answer.

Only a bug of ours is a 500. What the caller can correct is a 4xx; what only the operator, a
worker or another service can correct is a 502, 503, 504 or 507.
"""

from __future__ import annotations

from ltxserve.errors import LtxserveError

CODES_BY_STATUS: dict[int, tuple[str, ...]] = {
    400: ("body_invalid",),
    401: ("unauthorized",),
    402: ("insufficient_credits",),
    403: ("origin_refused", "forbidden", "link_invalid", "link_expired"),
    404: (
        "not_found",
        "media_not_found",
        "file_not_found",
        "upload_not_found",
        "account_not_found",
        "key_not_found",
        "job_not_found",
    ),
    405: ("method_not_allowed",),
    409: (
        "cancelled",
        "not_ready",
        "job_not_finished",
        "idempotency_conflict",
        "account_exists",
        "upload_exists",
    ),
    413: ("body_too_large", "media_too_large", "result_too_large"),
    415: ("media_unsupported", "media_type_refused"),
    416: ("range_invalid",),
    422: (
        "request_refused",
        "invalid_field",
        "unknown_field",
        "conflicting_fields",
        "not_a_number",
        "unknown_model",
        "not_yet_in_this_build",
        "unknown_preset",
        "unknown_lora",
        "prompt_empty",
        "prompt_too_long",
        "negative_prompt_unsupported",
        "size_invalid",
        "size_out_of_range",
        "size_not_divisible",
        "num_frames_invalid",
        "num_frames_out_of_range",
        "duration_too_long",
        "fps_out_of_range",
        "seed_out_of_range",
        "steps_out_of_range",
        "sigmas_invalid",
        "guidance_out_of_range",
        "guidance_unsupported",
        "stg_blocks_invalid",
        "conditions_unsupported",
        "too_many_conditions",
        "source_invalid",
        "frame_out_of_range",
        "frame_conflict",
        "strength_out_of_range",
        "lora_unsupported",
        "camera_motion_unsupported",
        "controls_unsupported",
        "upscale_unsupported",
        "audio_unsupported",
        "auto_length_unsupported",
        "dfr_unsupported",
        "prompt_enhancement_unsupported",
        "video_to_video_unsupported",
        "retake_unsupported",
        "extend_unsupported",
        "audio_to_video_unsupported",
        "retake_range_invalid",
        "extension_invalid",
        "source_too_short",
        "output_invalid",
        "media_unreadable",
        "media_corrupt",
        "media_fetch_failed",
        "url_refused",
        "file_name_invalid",
        "clips_missing",
        "too_many_clips",
        "trim_invalid",
        "speed_out_of_range",
        "volume_out_of_range",
        "transition_invalid",
        "loudness_out_of_range",
        "unknown_price_list",
        "not_priced",
        "not_supported",
        "out_of_memory",
    ),
    429: ("too_many_jobs",),
    500: ("internal_error",),
    502: (
        "generation_failed",
        "worker_lost",
        "batch_failed",
        "device_broken",
        "service_unreachable",
        "service_answer_invalid",
        "storage_refused",
        "storage_key_invalid",
    ),
    503: (
        "weights_missing",
        "weights_corrupt",
        "licence_not_accepted",
        "repository_gated",
        "hub_unavailable",
        "download_corrupt",
        "backend_missing",
        "settings_invalid",
        "unknown_setting",
        "catalog_invalid",
        "encoder_missing",
        "no_free_slot",
        "worker_start_failed",
        "pool_unavailable",
        "storage_unavailable",
        "database_on_network",
        "database_unavailable",
    ),
    504: ("wait_timed_out", "job_timed_out"),
    507: ("media_write_failed", "storage_full"),
}

STATUS_OF: dict[str, int] = {
    code: status for status, codes in CODES_BY_STATUS.items() for code in codes
}
"""Code -> HTTP status, for every code of `ltxserve.errors.CODES`."""

RETRY_AFTER: dict[int, int] = {429: 5, 503: 10}
"""Seconds that a caller is asked to wait before trying again, by status."""


def status_of(error: LtxserveError) -> int:
    """The HTTP status of an error; an unknown code is our own bug."""
    return STATUS_OF.get(error.code, 500)
