"""The training loop: stops and goes on as if it never had, and never leaves half a checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ltxserve.training.tiny.fitting import Fitting
from ltxserve.training.tiny.loop import Run, checkpoint_path, train


class PowerError(Exception):
    """Stands for whatever ends a process: nothing after it runs."""


class Lines:
    """A small job with all that matters: weights, momentum, data by step number, samples."""

    name = "lines"

    def __init__(self, steps: int) -> None:
        torch.manual_seed(0)
        self.steps = steps
        self.net = nn.Linear(8, 8)
        self.fitting = Fitting(self.net, 0.02, 1e-2)
        self.seen: list[int] = []

    def step(self, number: int, scale: float) -> dict[str, float]:
        self.seen.append(number)
        inputs = torch.randn(16, 8, generator=torch.Generator().manual_seed(number))
        loss = (self.net(inputs) - inputs.roll(1, 1)).square().mean()
        self.fitting.update(loss, scale)
        return {"loss": loss.item(), "scale": scale}

    def state(self) -> dict[str, Any]:
        return self.fitting.state()

    def restore(self, state: dict[str, Any]) -> None:
        self.fitting.restore(state)

    def sample(self, folder: Path, number: int) -> None:
        (folder / f"sample-{number}.txt").write_text(str(len(self.seen)))


@dataclass
class Unsavable(Lines):
    """A job whose state breaks in the middle of being written, as a full disk breaks it."""

    steps: int
    seen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.steps)

    def state(self) -> dict[str, Any]:
        return {"model": super().state()["model"], "broken": Breaking()}


class Breaking:
    def __reduce__(self) -> str:
        raise OSError("No space left on device")


def saving_always(folder: Path, **changes: Any) -> Run:
    return Run(folder, save_every=-1, warmup=4, **changes)


def entries(run: Run) -> list[dict[str, float]]:
    text = (run.folder / "lines.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def saved(run: Run, job: Lines) -> dict[str, Any]:
    return torch.load(checkpoint_path(run, job), weights_only=False)


def assert_equal_weights(one: Lines, two: Lines) -> None:
    for key, value in one.net.state_dict().items():
        assert torch.equal(value, two.net.state_dict()[key]), key


@pytest.mark.parametrize("cut_at", [1, 6, 11])
def test_a_broken_run_ends_bit_equal_to_an_unbroken_one(tmp_path: Path, cut_at: int) -> None:
    whole = Lines(12)
    assert train(whole, Run(tmp_path / "whole", warmup=4))

    def cut(name: str, number: int, of: int, values: dict[str, float]) -> None:
        if number == cut_at:
            raise PowerError

    with pytest.raises(PowerError):
        train(Lines(12), saving_always(tmp_path / "broken", on_step=cut))
    rest = Lines(12)
    assert train(rest, saving_always(tmp_path / "broken"))
    assert rest.seen == list(range(cut_at - 1, 12)), "the step that was cut is taken again"
    assert_equal_weights(whole, rest)


def test_steps_since_the_last_checkpoint_are_taken_again(tmp_path: Path) -> None:
    run = Run(tmp_path, save_every=1e9, warmup=4)

    def on_step(name: str, number: int, of: int, values: dict[str, float]) -> None:
        run.save_every = -1 if number == 4 else 1e9
        if number == 7:
            raise PowerError

    run.on_step = on_step
    with pytest.raises(PowerError):
        train(Lines(10), run)
    rest = Lines(10)
    assert train(rest, Run(tmp_path, warmup=4))
    assert rest.seen == list(range(4, 10))
    whole = Lines(10)
    train(whole, Run(tmp_path / "whole", warmup=4))
    assert_equal_weights(whole, rest)


def test_it_stops_when_the_minutes_are_up_and_goes_on_later(tmp_path: Path) -> None:
    run = Run(tmp_path, minutes=60)

    def on_step(name: str, number: int, of: int, values: dict[str, float]) -> None:
        if number == 3:
            run.minutes = -1

    run.on_step = on_step
    first = Lines(5)
    assert not train(first, run)
    assert first.seen == [0, 1, 2]
    assert saved(run, first)["number"] == 3
    second = Lines(5)
    assert train(second, Run(tmp_path))
    assert second.seen == [3, 4]


def test_no_minutes_no_step(tmp_path: Path) -> None:
    job = Lines(5)
    assert not train(job, Run(tmp_path, minutes=-1))
    assert job.seen == []
    assert saved(Run(tmp_path), job)["number"] == 0


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    train(Lines(3), Run(tmp_path))
    again = Lines(3)
    assert train(again, Run(tmp_path, minutes=-1)), "done counts, however late it is"
    assert again.seen == []


def test_a_write_that_breaks_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    run = Run(tmp_path)
    train(Lines(3), run)
    before = checkpoint_path(run, Lines(3)).read_bytes()
    with pytest.raises(OSError, match="No space"):
        train(Unsavable(5), run)
    assert checkpoint_path(run, Lines(3)).read_bytes() == before
    rest = Lines(5)
    assert train(rest, run)
    assert rest.seen == [3, 4]


def test_a_half_written_draft_is_never_read(tmp_path: Path) -> None:
    run = Run(tmp_path)
    (tmp_path / "lines.draft").write_bytes(b"half a checkpoint")
    job = Lines(2)
    assert train(job, run)
    assert job.seen == [0, 1]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jsonl", ".pt", ".txt"]


def test_every_step_is_logged_with_its_values(tmp_path: Path) -> None:
    run = Run(tmp_path, warmup=2)
    seen: list[tuple[str, int, int]] = []
    run.on_step = lambda name, number, of, values: seen.append((name, number, of))
    train(Lines(4), run)
    assert [entry["step"] for entry in entries(run)] == [1, 2, 3, 4]
    assert all(entry["loss"] > 0 and entry["time"] > 0 for entry in entries(run))
    assert seen == [("lines", number, 4) for number in (1, 2, 3, 4)]


def test_samples_are_made_at_checkpoints_and_at_the_end(tmp_path: Path) -> None:
    train(Lines(3), saving_always(tmp_path))
    assert {path.name for path in tmp_path.glob("sample-*")} == {
        f"sample-{n}.txt" for n in (1, 2, 3)
    }
    train(Lines(3), Run(tmp_path / "calm"))
    assert [path.name for path in (tmp_path / "calm").glob("sample-*")] == ["sample-3.txt"]


def test_rates_rise_stay_and_fall() -> None:
    run = Run(Path("unused"), warmup=10, cooldown=0.25)
    scales = [run.scale(number, 100) for number in range(100)]
    assert scales[:10] == pytest.approx([(number + 1) / 10 for number in range(10)])
    assert scales[10:76] == [1.0] * 66
    assert scales[75:99] == pytest.approx([(100 - number) / 25 for number in range(75, 99)])
    assert scales[99] > 0
    assert min(scales) >= 0.02


def test_rates_never_fall_to_nothing_even_past_the_end() -> None:
    run = Run(Path("unused"))
    assert run.scale(1000, 1000) == 0.02
    assert run.scale(5000, 1000) == 0.02
