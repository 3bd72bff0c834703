"""Where sources and adapters stand in a request, whatever shape it has."""

import pytest

from ltxserve.service.sources import families_of, lora_paths, sources_of


def test_every_source_with_its_place() -> None:
    request = {
        "conditions": [{"source": "a"}, {"frame": 1}, "odd", {"source": 3}],
        "controls": ({"source": "b"},),
        "retake": {"source": "c", "start": 1},
        "something_new": {"source": "d"},
        "prompt": "text",
    }
    found = [(name, part["source"]) for name, part in sources_of(request)]
    assert found == [
        ("conditions.0.source", "a"),
        ("controls.0.source", "b"),
        ("retake.source", "c"),
        ("something_new.source", "d"),
    ]


@pytest.mark.parametrize(
    ("name", "families"),
    [
        ("conditions.0.source", ("image", "video")),
        ("extend.source", ("video",)),
        ("sound.source", ("audio", "video")),
    ],
)
def test_what_each_of_them_may_be(name: str, families: tuple[str, ...]) -> None:
    assert families_of(name) == families


@pytest.mark.parametrize("request_", [{}, {"conditions": None}, {"conditions": "text"}])
def test_odd_shapes_have_none(request_: dict[str, object]) -> None:
    assert list(sources_of(request_)) == []
    assert lora_paths(request_) == []


@pytest.mark.parametrize(
    "name",
    [
        "/etc/x",
        "a\\b",
        "mine.safetensors",
        "../x",
        # The plan leaves out space around names.
        "mine.safetensors ",
        "\u00a0mine.SAFETENSORS\u2003",
        "mine.ckpt\n",
    ],
)
def test_an_adapter_by_path_is_refused(name: str) -> None:
    problems = lora_paths({"loras": [{"name_or_path": "tiny-camera"}, {"name_or_path": name}]})
    assert [(p.code, p.field) for p in problems] == [("unknown_lora", "loras.1.name_or_path")]
