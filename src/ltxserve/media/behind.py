"""Work that is done in a thread of its own, behind the one who hands it over; knows no media."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


class Behind:
    """Does what it is given one after the other, while its user goes on.

    most: how much may wait, in whatever unit `do` is told; more is waited for. What the work raises
    comes out of the next `do` or `wait`, and nothing more is done. At the end of the block nothing
    runs any more: after an exception, what was not begun is left undone.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._waiting: deque[tuple[Future[None], int]] = deque()
        self._size = 0
        self._broken = False

    def do(self, work: Callable[[], None], size: int = 0) -> None:
        """Hand over work of some size; one that is larger than `most` waits for all before it."""
        self._settle(self.most - size)
        self._waiting.append((self._thread.submit(self._done, work), size))
        self._size += size

    def wait(self) -> None:
        """Until all is done."""
        while self._waiting:
            self._first()

    def _settle(self, room: int) -> None:
        while self._waiting and (self._waiting[0][0].done() or self._size > room):
            self._first()

    def _first(self) -> None:
        first, size = self._waiting.popleft()
        self._size -= size
        first.result()

    def _done(self, work: Callable[[], None]) -> None:
        if self._broken:
            return
        self._broken = True
        work()
        self._broken = False

    def __enter__(self) -> Behind:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.wait()
        finally:
            self._thread.shutdown(wait=True, cancel_futures=True)
