"""A renderer without a model for tests of the service: what it does is said by the prompt.

Real files in the real store, real processes that can die; the words of the prompt, in order:
    steps=N      N updates, `pause=S` seconds apart    preview    a picture with each update
    fail=CODE    a coded error        die      kill -9 of its own process
    die-once     the same, in the first attempt only    freeze    SIGSTOP of its own process
    lose-file    reports a file that it has not stored
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

from ltxserve.errors import GenerationFailed
from ltxserve.pool.base import Body, Tell
from ltxserve.storage.create import StoreConfig, create_store

NAME = "tests.renderer:create"


def create(config: str) -> Body:
    """An entry for pools; config: as app.worker_config writes it."""
    store = create_store(StoreConfig.from_dict(json.loads(config)["store"]))

    def body(payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
        words = dict(word.partition("=")[::2] for word in payload["request"]["prompt"].split())
        _note(words, payload)
        tell({"model": payload["request"].get("model", "tiny")})
        _act(words, payload)
        _step(words, tell)
        name = f"{payload['account_id']}/{payload['job_id']}/{payload['attempt']}/video.mp4"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            path.write_bytes(f"{payload['job_id']} {payload['attempt']}".encode() * 100)
            stored = store.put(name, path, "video/mp4")
        if "lose-file" in words:
            store.delete(name)
        return {
            "artifacts": {"video": vars(stored)},
            "width": 96,
            "height": 64,
            "num_frames": 9,
            "fps": 8.0,
            "seconds": 9 / 8,
            "has_sound": False,
            "seed": payload["request"]["seed"],
            "timings": {"denoise": 0.1},
            "warnings": [],
        }

    return body


def _note(words: dict[str, str], payload: dict[str, Any]) -> None:
    if "diary" in words:
        with Path(words["diary"]).open("a") as diary:
            diary.write(f"{payload['job_id']} {payload['attempt']} {os.getpid()}\n")


def _act(words: dict[str, str], payload: dict[str, Any]) -> None:
    if "die" in words or ("die-once" in words and payload["attempt"] == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if "freeze" in words and payload["attempt"] == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    if "fail" in words:
        raise GenerationFailed(words["fail"], "It was told to fail.", "Do not ask for it.")


def _step(words: dict[str, str], tell: Tell) -> None:
    count = int(words.get("steps", "2"))
    for step in range(count):
        update: dict[str, Any] = {"stage": "denoise", "step": step + 1, "of": count}
        tell({**update, "preview": "aGk="} if "preview" in words else update)
        threading.Event().wait(float(words.get("pause", "0")))
