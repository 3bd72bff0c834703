"""One line per event, whoever logs it; keys and passwords never."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ltxserve.cli import logs

KEY = "ltx_0123456789ab_" + "x" * 43


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_with_what_belongs_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(as_json=True)
    logging.getLogger("ltxserve.x").warning("attempt %d", 2, extra={"job_id": "j"})
    structlog.get_logger("api").info("request", status=200)
    first, second = lines(capsys)
    assert (first["event"], first["job_id"], first["level"]) == ("attempt 2", "j", "warning")
    assert (second["event"], second["status"], second["logger"]) == ("request", 200, "api")
    assert str(first["timestamp"]).endswith("Z")


def test_an_exception_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(as_json=True)
    try:
        raise KeyError("why")
    except KeyError:
        logging.getLogger("x").exception("broke")
    [line] = lines(capsys)
    assert "KeyError: 'why'" in str(line["exception"])


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "whsec_" + "A1b2" * 8,
        "postgresql://user:pass@host/db",
        "http://x/files/eyJrIjoiYSJ9.signature-of-a-link",
    ],
)
def test_secrets_are_hidden(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(as_json=True)
    logging.getLogger("x").warning("with %s in it", secret, extra={"also": secret})
    [line] = lines(capsys)
    assert "(hidden)" in str(line["event"])
    assert "(hidden)" in str(line["also"])
    for part in (KEY, "A1b2A1b2", "pass@", "signature-of"):
        assert part not in json.dumps(line)


def test_people_get_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(as_json=False)
    logging.getLogger("x").warning("hello")
    text = capsys.readouterr().err
    assert "hello" in text
    assert not text.startswith("{")
