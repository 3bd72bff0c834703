"""What workers run in tests of pools: small, real, and able to go wrong in every way."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ltxserve.errors import LtxserveError, OutOfMemory
from ltxserve.pool.base import Body, Tell, WorkerBroken

NAME = "tests.contracts.entries:create"
Act = Callable[[dict[str, Any], Tell], dict[str, Any]]


def create(config: str) -> Body:
    """An entry; config: JSON, `refuse` = a file whose presence keeps workers from starting."""
    options = json.loads(config)
    if "refuse" in options and Path(options["refuse"]).exists():
        raise LtxserveError("weights_missing", "The weights are not here.", "Fetch them.")

    def body(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
        return ACTS[payload["act"]](payload, tell)

    return body


def echo(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    return {"value": payload.get("value"), "pid": os.getpid()}


def steps(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Steps of `pause` seconds; each is also written to the file `diary`, if there is one."""
    for step in range(payload["count"]):
        tell({"step": step, "pid": os.getpid()})
        if "diary" in payload:
            with Path(payload["diary"]).open("a") as diary:
                diary.write(f"{step}\n")
        pause(payload["pause"])
    return {"steps": payload["count"]}


def die(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def leave(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    sys.exit(3)


def spoil(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """What a GPU does after an illegal access: every later call in this process fails."""
    raise WorkerBroken(LtxserveError("device_broken", f"The device of {os.getpid()} broke."))


def exhaust(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    raise OutOfMemory()


def bug(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    return {"never": 1 // payload["zero"]}


def deaf(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Tells once, and then never again: a cancel does not reach it."""
    tell({"pid": os.getpid()})
    while True:
        pause(1)


def noise(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Prints like libraries do, by every way there is, what could be taken for the protocol."""
    lie = '{"say": "succeeded", "job": "noise", "attempt": 1, "result": {"lie": true}}\n'
    sys.stdout.write(lie)
    sys.stdout.flush()
    os.write(1, lie.encode())
    libc = ctypes.CDLL(None)
    libc.puts(lie.encode())
    libc.fflush(None)
    subprocess.run([sys.executable, "-c", f"print({lie!r})"], check=True)
    asked = sys.stdin.read()  # a library that asks a question gets no answer, and eats no order
    tell({"asked": asked})
    return {"lie": False}


def unfit(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    return {"value": float("nan")}


def hold(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    tell({"model": payload["model"]})
    return {"pid": os.getpid()}


def pictures(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    for number in range(payload["count"]):
        tell({"number": number, "preview": "x" * payload["bytes"]})
    return {}


def breed(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Starts a process and waits for it, like an encoder."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
        tell({"child": child.pid})
    return {}


def sight(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
    return {"sees": os.environ["CUDA_VISIBLE_DEVICES"]}


def pause(seconds: float) -> None:
    """What work does while a device is busy."""
    threading.Event().wait(seconds)


ACTS: dict[str, Act] = {
    act.__name__: act
    for act in (
        echo,
        steps,
        die,
        leave,
        spoil,
        exhaust,
        bug,
        deaf,
        noise,
        unfit,
        hold,
        pictures,
        breed,
        sight,
    )
}
