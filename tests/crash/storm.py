"""Submits, cancels, kills, stops and restarts by a seed, until every job is over."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ltxserve.accounts.accounts import Account, NewAccount, create_account, get_account
from ltxserve.app import App
from ltxserve.credits import ledger
from ltxserve.errors import LtxserveError
from ltxserve.jobs import store
from tests.crash.served import Served
from tests.services import submit

CREDIT = 100_000
ACCOUNTS = ("ann", "bob", "cyd")


@dataclass
class Storm:
    """One storm over one service. app: an API process' view, in this process.

    break_database: crashes and restarts the database server, where there is one.
    """

    app: App
    served: Served
    folder: Path
    seed: int
    jobs: int
    break_database: Callable[[], None] | None = None
    ids: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    frozen: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.accounts: list[Account] = []
        with self.app.database.begin() as conn:
            for name in ACCOUNTS:
                made = create_account(conn, NewAccount(name, max_queued=10_000, max_running=2))
                ledger.top_up(conn, made.id, CREDIT)
        with self.app.database.read() as conn:
            self.accounts = [get_account(conn, name) for name in ACCOUNTS]

    @property
    def credit(self) -> dict[str, int]:
        return {account.id: CREDIT for account in self.accounts}

    def run(self, seconds: float) -> None:
        """Blow until every job is submitted and over; then it must be calm within `seconds`."""
        tick = threading.Event()
        end = time.monotonic() + seconds
        while len(self.ids) < self.jobs or self._open():
            if time.monotonic() > end:
                raise AssertionError(f"after {seconds:.0f} s not over: {self._open()[:5]}")
            self._thaw()
            self._act()
            tick.wait(self.random.uniform(0.02, 0.2))
        self._thaw(everything=True)

    def _act(self) -> None:
        actions: list[tuple[float, str, Callable[[], None]]] = [
            (4.0, "quiet moments", lambda: None),
            (2.0 if len(self.ids) < self.jobs else 0.0, "submitted", self._submit),
            (0.1, "cancels", self._cancel),
            (0.15, "workers killed", self._kill_worker),
            (0.06, "workers stopped", self._freeze_worker),
            (0.08, "services killed", self._restart),
            (0.08, "clock steps", self._step_clock),
        ]
        if self.break_database is not None:
            actions.append((0.03, "database crashes", self.break_database))
        weights = [weight for weight, _, _ in actions]
        _, name, action = self.random.choices(actions, weights)[0]
        # The database may be away, the job over, the process gone: the storm goes on.
        with contextlib.suppress(LtxserveError, ProcessLookupError, IndexError):
            action()
            self.done[name] += 1

    def _submit(self) -> None:
        pause = self.random.choice((0.0, 0.01, 0.05))
        prompt = f"steps=20 pause={pause} preview diary={self.folder / 'diary'}"
        key = f"key-{len(self.ids)}"
        account = self.random.choice(self.accounts)
        job = submit(self.app, prompt, account, idempotency_key=key, request={"seed": 1})
        if self.random.random() < 0.2:
            again = submit(self.app, prompt, account, idempotency_key=key, request={"seed": 1})
            assert again.id == job.id
        self.ids.append(job.id)

    def _cancel(self) -> None:
        job_id = self.random.choice(self.ids[-20:])
        with self.app.database.read() as conn:
            owner = store.get(conn, job_id).account_id
        account = next(one for one in self.accounts if one.id == owner)
        self.app.generations.cancel(account, job_id)

    def _kill_worker(self) -> None:
        os.kill(self._worker(), signal.SIGKILL)

    def _freeze_worker(self) -> None:
        pid = self._worker()
        os.kill(pid, signal.SIGSTOP)
        self.frozen.append((time.monotonic() + self.random.uniform(0.5, 5.0), pid))

    def _restart(self) -> None:
        self.served.kill()
        threading.Event().wait(self.random.uniform(0.0, 1.0))
        self.served.start()

    def _step_clock(self) -> None:
        """To an hour or two before or after the true time, or a little; or right again."""
        far = self.random.choice((0.0, 2.0, 60.0, 3600.0, 7200.0))
        self.served.shift_clock(self.random.choice((-1, 1)) * far)

    def _thaw(self, everything: bool = False) -> None:
        for moment, pid in list(self.frozen):
            if everything or time.monotonic() >= moment:
                self.frozen.remove((moment, pid))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _worker(self) -> int:
        """A process that has worked lately. Only its own children: a pid may be another's by now.

        Raises IndexError when there is none.
        """
        lines = (self.folder / "diary").read_text().splitlines() if self._has_worked() else []
        pids = {int(line.split()[2]) for line in lines[-4:]}
        own = [pid for pid in sorted(pids) if _parent(pid) == self.served.pid]
        return self.random.choice(own)

    def _has_worked(self) -> bool:
        return (self.folder / "diary").exists()

    def _open(self) -> list[str]:
        try:
            with self.app.database.read() as conn:
                return [name for name in self.ids if not store.get(conn, name).is_terminal]
        except LtxserveError:
            return ["the database is away"]


def _parent(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])
