"""Adapters are read once, kept within a bound, read anew when their files change."""

from pathlib import Path

import pytest
import torch

from ltxserve.engine.backends.diffusers.adapters.file import Adapter
from ltxserve.engine.backends.diffusers.adapters.rack import Rack
from ltxserve.engine.loras import PlannedLora
from ltxserve.errors import ModelUnavailable
from tests import tiny
from tests.replicas.build import Replica

LAYER = "diffusion_model.transformer_blocks.0.attn1.to_q"
WIDTH = tiny.SPEC.architecture.width


def written(path: Path, value: float, rank: int = 2) -> PlannedLora:
    tensors = {
        f"{LAYER}.lora_A.weight": torch.full((rank, WIDTH), value),
        f"{LAYER}.lora_B.weight": torch.full((WIDTH, rank), value),
    }
    Replica(tensors, {}).save(path)
    return PlannedLora(path.name, 0.5, path=str(path))


def rack(room: int | None = None) -> Rack:
    return Rack(tiny.SPEC, tiny.backend().pipeline.components, lambda lora: Path(lora.path), room)


def taken(keeper: Rack, *loras: PlannedLora) -> list[Adapter]:
    return [use.adapter for use in keeper.take(loras)]


def test_an_adapter_is_read_once(tmp_path: Path):
    keeper, lora = rack(), written(tmp_path / "a.safetensors", 1.0)
    first = keeper.take([lora])
    assert first[0].strength == 0.5
    assert keeper.take([lora])[0].adapter is first[0].adapter
    assert keeper.take([lora, lora])[1].adapter is first[0].adapter
    assert len(keeper) == 1
    assert keeper.take([]) == ()


def test_a_file_that_was_changed_is_read_anew(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    keeper, lora = rack(), written(path, 1.0)
    (first,) = taken(keeper, lora)
    (second,) = taken(keeper, written(path, 2.0, rank=4))
    assert next(iter(first.deltas.values())).down[0, 0] == 1
    assert next(iter(second.deltas.values())).down[0, 0] == 2


def test_what_was_used_longest_ago_goes_first(tmp_path: Path):
    one, two, three = (written(tmp_path / f"{n}.safetensors", float(n)) for n in (1, 2, 3))
    size = 2 * 2 * WIDTH * 4
    keeper = rack(room=2 * size)
    (first,), (second,) = taken(keeper, one), taken(keeper, two)
    assert taken(keeper, one) == [first]  # now the other one is older
    taken(keeper, three)
    assert len(keeper) == 2
    assert taken(keeper, one) == [first]
    assert taken(keeper, two) != [second]


def test_what_is_larger_than_the_room_is_worn_and_not_kept(tmp_path: Path):
    keeper = rack(room=100)
    assert len(taken(keeper, written(tmp_path / "a.safetensors", 1.0))) == 1
    assert len(keeper) == 0


def test_all_are_checked_before_one_is_read(tmp_path: Path):
    keeper, good = rack(), written(tmp_path / "a.safetensors", 1.0)
    bad = tmp_path / "b.safetensors"
    bad.write_bytes(b"nothing")
    with pytest.raises(ModelUnavailable) as caught:
        keeper.take([good, PlannedLora("b", 1.0, path=str(bad))])
    assert caught.value.code == "weights_corrupt"
    assert len(keeper) == 0
    with pytest.raises(ModelUnavailable) as caught:
        keeper.take([PlannedLora("c", 1.0, path=str(tmp_path / "c.safetensors"))])
    assert caught.value.code == "weights_missing"


def test_nothing_is_held_after_the_end(tmp_path: Path):
    keeper = rack()
    taken(keeper, written(tmp_path / "a.safetensors", 1.0))
    keeper.clear()
    assert len(keeper) == 0
