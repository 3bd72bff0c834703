"""Shows a running generation, a job or a download as progress bars; knows stages by name only."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from ltxserve.catalog.weights.pull import Pulling
from ltxserve.progress import Progress


class BarObserver:
    """An observer that shows each stage as a bar; a context manager, so that bars end with the run.

    Where the console is no terminal (a pipe, a log), each stage is one line when it begins.
    """

    def __init__(self, console: Console, title: str = "") -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._console = console
        self._bars = Bars(*columns, TimeElapsedColumn(), console=console)
        self._title = f"{title}: " if title else ""
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> BarObserver:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        """Advance the bar of the stage."""
        name = self._title + progress.stage.replace("_", " ")
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(name, total=progress.of)
            if not self._console.is_terminal:
                self._console.print(name, markup=False)
        self._bars.update(self._tasks[progress.stage], completed=progress.step, total=progress.of)


class OneBar:
    """One bar on stderr from 0 to `total`; nothing where it is no terminal, or when quiet."""

    def __init__(self, bars: Bars, quiet: bool) -> None:
        self._bars = bars
        self._shown = not quiet and bars.console.is_terminal
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._shown:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._bars.stop()

    def show(self, text: str, done: float, total: float) -> None:
        """Move the bar."""
        if self._task is None:
            self._task = self._bars.add_task(text, total=total)
        self._bars.update(self._task, description=text, completed=done, total=total)


class JobBar(OneBar):
    """How far a job on a service is."""

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        shown = console or Console(stderr=True)
        super().__init__(Bars(*columns, TimeElapsedColumn(), console=shown), quiet)

    def __call__(self, state: str, stage: str | None, percent: float | None) -> None:
        """Show the job's state, or its stage while it runs, and percent from 0 to 100."""
        text = (stage or state).replace("_", " ") if state == "running" else state
        self.show(text, percent or 0, 100)


class ByteBar(OneBar):
    """How much of a file has come."""

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        shown = console or Console(stderr=True)
        super().__init__(Bars(*columns, TransferSpeedColumn(), console=shown), quiet)

    def __call__(self, have: int, of: int) -> None:
        """Show bytes that are here of bytes that there are."""
        self.show("download", have, of)


class PullBars(OneBar):
    """One bar per file that is pulled or checked; a line per file where there is no terminal."""

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        shown = console or Console(stderr=True)
        super().__init__(Bars(*columns, TransferSpeedColumn(), console=shown), quiet)
        self._quiet = quiet
        self._tasks: dict[str, TaskID] = {}
        self._said: set[tuple[str, str]] = set()

    def __call__(self, pulling: Pulling) -> None:
        """Show where the pull is."""
        if not self._shown:
            self._say(pulling)
            return
        if pulling.file not in self._tasks:
            self._tasks[pulling.file] = self._bars.add_task("", total=pulling.of)
        text = f"{pulling.file.rpartition('/')[2]} [dim]{pulling.state}[/]"
        task = self._tasks[pulling.file]
        self._bars.update(task, description=text, completed=pulling.done, total=pulling.of)

    def checking(self, path: Path, done: int, of: int) -> None:
        """Show how much of a file has been read."""
        self(Pulling(str(path), "checking", done, of))

    def _say(self, pulling: Pulling) -> None:
        key = (pulling.file, pulling.state)
        if not self._quiet and key not in self._said:
            self._said.add(key)
            self._bars.console.print(f"{pulling.state}: {pulling.file}", markup=False)
