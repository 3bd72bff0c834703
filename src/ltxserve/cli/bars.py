"""Shows a running generation as progress bars; knows stages by name only."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

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
