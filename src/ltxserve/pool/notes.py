"""Which remote run belongs to which attempt, kept over a restart; knows no remote.

One line of JSON per change, written through to the disk before anybody relies on it.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

MOST = 5000
"""Jobs that are remembered; the oldest go first."""


@dataclass(frozen=True)
class Note:
    """An attempt and its remote id; "" = it was being sent, and no answer is known."""

    job_id: str
    attempt: int
    remote: str


class Notes:
    """The newest attempt of each job. path: a file of our own; None = forgotten with us."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._path = path
        self._notes: dict[str, Note] = {}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._read(path)

    def get(self, job_id: str) -> Note | None:
        """The note of a job."""
        with self._lock:
            return self._notes.get(job_id)

    def set(self, note: Note) -> None:
        """Remember; when it returns, a crash does not change that."""
        with self._lock:
            self._notes.pop(note.job_id, None)
            self._notes[note.job_id] = note
            while len(self._notes) > MOST:
                del self._notes[next(iter(self._notes))]
            self._append(asdict(note))

    def drop(self, job_id: str) -> None:
        """Forget a job that was not taken."""
        with self._lock:
            if self._notes.pop(job_id, None) is not None:
                self._append({"job_id": job_id, "attempt": 0, "remote": ""})

    def _append(self, line: dict[str, object]) -> None:
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())

    def _read(self, path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for line in lines:
            try:
                note = Note(**json.loads(line))
            except (ValueError, TypeError):  # half a line, from a crash
                continue
            self._notes.pop(note.job_id, None)
            if note.attempt:
                self._notes[note.job_id] = note
        kept = list(self._notes.values())[-MOST:]
        draft = path.with_suffix(".draft")
        draft.write_text("".join(json.dumps(asdict(note)) + "\n" for note in kept), "utf-8")
        os.replace(draft, path)
