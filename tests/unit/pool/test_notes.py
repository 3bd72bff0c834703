"""Notes of remote runs: the newest attempt, over a restart, whatever a crash left half written."""

from pathlib import Path

from ltxserve.pool.notes import MOST, Note, Notes


def test_the_newest_note_of_a_job_survives(tmp_path: Path):
    path = tmp_path / "new" / "notes.jsonl"
    notes = Notes(path)
    notes.set(Note("a", 1, ""))
    notes.set(Note("a", 1, "run-1"))
    notes.set(Note("b", 1, "run-2"))
    notes.set(Note("a", 2, "run-3"))
    notes.drop("b")
    notes.drop("never-there")
    again = Notes(path)
    assert again.get("a") == Note("a", 2, "run-3")
    assert again.get("b") is None
    assert len(path.read_text().splitlines()) == 1


def test_half_a_line_is_passed_over(tmp_path: Path):
    path = tmp_path / "notes.jsonl"
    Notes(path).set(Note("a", 1, "run-1"))
    with path.open("a") as file:
        file.write('{"job_id": "b", "att')
    again = Notes(path)
    again.set(Note("c", 1, "run-2"))
    last = Notes(path)
    assert [last.get(job) and True for job in "abc"] == [True, None, True]


def test_without_a_file_it_remembers_as_long_as_it_lives():
    notes = Notes()
    notes.set(Note("a", 1, "run-1"))
    assert notes.get("a") == Note("a", 1, "run-1")


def test_of_very_many_the_oldest_go():
    notes = Notes()
    for number in range(MOST + 3):
        notes.set(Note(f"job-{number}", 1, "run"))
    assert notes.get("job-2") is None
    assert notes.get("job-3") is not None
