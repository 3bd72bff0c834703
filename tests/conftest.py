"""What all tests share: calm hypothesis, threads that do not fight, golden files."""

import os
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

# Before torch is imported anywhere: two workers with all threads each are slower than one.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
# Nothing here may reach for a model hub: what the tests need is in the repository.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# deadline=None: a busy machine is not a bug. The same examples every time: what passed once passes
# wherever it is tried. To look for more: make test ARGS=--hypothesis-profile=search
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile("same")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-write", action="store_true", help="write the golden files anew")


@dataclass(frozen=True)
class Golden:
    """Compares what outsiders see with a file in tests/golden, or writes it (make golden)."""

    write: bool

    def check(self, name: str, text: str) -> None:
        """Fail when the text differs from tests/golden/<name>."""
        path = GOLDEN / name
        if self.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no {path.name} yet: run `make golden` and read it"
        assert text == path.read_text(encoding="utf-8"), "if this is meant, run `make golden`"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(bool(request.config.getoption("--golden-write")))
