"""What a submission expands to, and what is refused before anything else."""

from typing import Any

import pytest

from ltxserve.errors import RequestRefused
from ltxserve.service.submission import MAX_JOBS, Submission, check


def refused(**fields: Any) -> list[tuple[str, str | None]]:
    with pytest.raises(RequestRefused) as refusal:
        check(Submission({"prompt": "p"}, **fields))
    return [(problem.code, problem.field) for problem in refusal.value.problems]


def test_one_request_stays_one_and_gets_a_seed() -> None:
    [request] = Submission({"prompt": "p"}).requests()
    assert request["prompt"] == "p"
    assert 0 <= request["seed"] < 2**31
    assert not Submission({"prompt": "p"}).is_batch


def test_variations_count_a_given_seed_up() -> None:
    requests = Submission({"prompt": "p", "seed": 2**63 - 1}, count=3).requests()
    assert [request["seed"] for request in requests] == [2**63 - 1, 0, 1]


def test_variations_without_a_seed_differ() -> None:
    seeds = {request["seed"] for request in Submission({"prompt": "p"}, count=8).requests()}
    assert len(seeds) == 8


def test_prompts_make_one_job_each() -> None:
    batch = Submission({"prompt": "", "width": 64}, count=2, prompts=("a", "b"))
    assert [request["prompt"] for request in batch.requests()] == ["a", "a", "b", "b"]
    assert {request["width"] for request in batch.requests()} == {64}
    assert batch.is_batch


@pytest.mark.parametrize("seed", ["7", -1, 2**63, True, 1.5])
def test_an_odd_seed_is_left_for_the_plan_to_refuse(seed: Any) -> None:
    [request] = Submission({"prompt": "p", "seed": seed}).requests()
    assert request["seed"] is seed


def test_the_fingerprint_is_of_the_request_and_not_of_its_order() -> None:
    one = Submission({"prompt": "p", "seed": 1}).fingerprint()
    assert one == Submission({"seed": 1, "prompt": "p"}).fingerprint()
    assert one == Submission({"prompt": "p", "seed": 1}, idempotency_key="k").fingerprint()
    assert one != Submission({"prompt": "p", "seed": 2}).fingerprint()
    assert one != Submission({"prompt": "p", "seed": 1}, count=2).fingerprint()
    assert Submission({"prompt": "\ud800"}).fingerprint()


def test_an_upload_is_known_again_by_its_id_or_its_content() -> None:
    def words(upload: str, **digests: str) -> set[str]:
        asked = {"prompt": "p", "conditions": [{"source": upload}]}
        return set(Submission(asked, digests=digests).fingerprint().split())

    assert words("a", a="content") & words("b", b="content")
    assert words("a", a="content") & words("a")
    assert not words("a", a="content") & words("b", b="other")
    assert len(words("a")) == 1


def test_everything_wrong_is_said_at_once() -> None:
    problems = refused(count=0, priority=101, timeout_seconds=float("nan"), idempotency_key="")
    fields = [field for _, field in problems]
    assert fields == ["count", "priority", "timeout_seconds", "Idempotency-Key"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/b",
        "nonsense",
        "http://",
        "http://u:p@host/",
        "http://[::1",
        "https://a/" + "x" * 3000,
    ],
)
def test_a_webhook_is_a_whole_url_without_password(url: str) -> None:
    assert refused(webhook_url=url) == [("url_refused", "webhook_url")]


@pytest.mark.parametrize("notes", [{"a": object()}, {"a": float("nan")}, {"a": "x" * 20_000}])
def test_metadata_is_small_json(notes: dict[str, Any]) -> None:
    assert refused(metadata=notes) == [("invalid_field", "metadata")]


def test_a_batch_has_an_end() -> None:
    check(Submission({"prompt": "p"}, count=MAX_JOBS))
    prompts = tuple(str(number) for number in range(MAX_JOBS // 2 + 1))
    assert refused(count=2, prompts=prompts) == [("invalid_field", "count")]
