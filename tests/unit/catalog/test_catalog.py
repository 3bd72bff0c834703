"""The catalog's data: complete, consistent, and answering by every name people use."""

import copy
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from ltxserve.catalog import load_catalog, read_catalog
from ltxserve.errors import ConfigurationError, LtxserveError

CATALOG = load_catalog()


def tables() -> dict[str, dict[str, Any]]:
    folder = resources.files("ltxserve.catalog")
    return {
        name: tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))
        for name in ("models", "loras", "presets", "camera")
    }


def test_what_runs_is_built_in_or_has_a_layout():
    """That each of them makes clips is shown in engine/backends/diffusers/test_load_files.py."""
    running = [spec for spec in CATALOG.models.values() if spec.runs]
    assert running[0].name == "tiny"
    read = ("ltx-2.0", "ltx-2.3", "ltx-2.5", "ltxv-0.9.0", "ltxv-0.9.1", "ltxv-0.9.5", "ltxv-13b")
    assert all(spec.weights or spec.layout.removesuffix("-diffusion") in read for spec in running)
    assert all(spec.precision in ("fp32", "bf16", "int8", "fp8", "fp4", "q4") for spec in running)
    assert all(spec.reason for spec in CATALOG.models.values() if not spec.runs)


@pytest.mark.parametrize(
    "name",
    [
        "ltxv-2b-0.9.0",
        "ltxv-2b-0.9.1",
        "ltxv-2b-0.9.5",
        "ltxv-2b-0.9.6-dev",
        "ltxv-2b-0.9.6-distilled",
        "ltxv-13b-0.9.7-dev",
        "ltxv-13b-0.9.7-distilled-fp8",
        "ltxv-13b-0.9.8-dev-fp8",
        "ltxv-13b-0.9.8-distilled",
        "ltxv-2b-0.9.8-distilled-fp8",
        "ltx-2-19b-dev",
        "ltx-2-19b-dev-fp8",
        "ltx-2-19b-dev-fp4",
        "ltx-2-19b-distilled",
        "ltx-2-19b-distilled-fp8",
        "ltx-2.3-22b-dev",
        "ltx-2.3-22b-distilled-1.1",
        "ltx-2.5-22b-dev",
        "ltx-2.5-22b-distilled",
    ],
)
def test_the_checkpoints_that_were_asked_for_are_rows(name: str):
    assert CATALOG.model(name).name == name


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("ltx-2-fast", "ltx-2-19b-distilled"),
        ("ltx-2-5-pro", "ltx-2.5-22b-dev"),
        ("ltx-video-2b-v0.9.5", "ltxv-2b-0.9.5"),
        ("Lightricks/LTX-2", "ltx-2-19b-dev"),
        (" TINY ", "tiny"),
    ],
)
def test_models_answer_to_their_other_names(alias: str, name: str):
    assert CATALOG.model(alias).name == name


def test_no_two_models_share_a_name():
    names = [n for spec in CATALOG.models.values() for n in (spec.name, *spec.aliases)]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize("name", list(CATALOG.models))
def test_a_rows_numbers_agree_with_each_other(name: str):
    spec = CATALOG.model(name)
    limits, clip, sampling = spec.limits, spec.defaults, spec.sampling
    assert clip.width % limits.multiple == clip.height % limits.multiple == 0
    assert limits.min_side <= min(clip.width, clip.height)
    assert max(clip.width, clip.height) <= limits.max_side
    assert clip.width * clip.height <= limits.max_pixels
    assert (clip.num_frames - 1) % 8 == 0
    assert clip.num_frames <= limits.max_frames
    assert limits.two_stage_multiple % limits.multiple == 0
    assert len(sampling.sigmas) in (0, sampling.steps)
    assert list(sampling.sigmas) == sorted(sampling.sigmas, reverse=True)
    assert all(0 <= block < spec.architecture.layers for block in sampling.stg_blocks)
    assert spec.supports.guidance == (sampling.video.scale > 1) or spec.name == "tiny"
    if schedule := sampling.schedule:
        lengths = {len(part) for part in vars(schedule).values()}
        assert lengths == {len(schedule.switch)}


def test_vendor_settings_of_the_generations():
    by_name = {n: CATALOG.model(n).sampling for n in CATALOG.models}
    assert by_name["ltx-2-19b-dev"].stg_blocks == (29,)
    assert by_name["ltx-2-19b-dev"].steps == 40
    assert by_name["ltx-2.3-22b-dev"].stg_blocks == (28,)
    assert by_name["ltx-2.3-22b-dev"].conditioning_crf == 33
    assert by_name["ltx-2.5-22b-distilled"].conditioning_crf == 18
    assert by_name["ltx-2.5-22b-dev"].audio.scale == 7.0
    assert by_name["ltxv-2b-0.9.8-distilled-fp8"].second_pass is not None


def test_camera_adapters_cover_the_seven_motions():
    motions = {row.motion for row in CATALOG.loras.values() if row.kind == "camera"}
    assert motions == set(CATALOG.camera) - {"focus_shift"}


def test_adapters_name_models_that_exist():
    for row in CATALOG.loras.values():
        for prefix in (*row.base, *row.untested):
            assert any(name.startswith(prefix) for name in CATALOG.models), row.name


def test_presets_name_models_that_exist():
    for preset in CATALOG.presets.values():
        assert CATALOG.model(preset.values["model"])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: CATALOG.model("tinny"), "unknown_model"),
        (lambda: CATALOG.lora("camera-dolly"), "unknown_lora"),
        (lambda: CATALOG.preset("fats"), "unknown_preset"),
    ],
)
def test_a_wrong_name_is_told_the_nearest(call: Any, code: str):
    with pytest.raises(LtxserveError) as error:
        call()
    assert error.value.code == code
    assert "Did you mean" in error.value.hint


def test_a_name_like_nothing_is_told_what_runs():
    with pytest.raises(LtxserveError) as error:
        CATALOG.model("§" * 5000)
    assert "This build runs tiny, " in error.value.hint
    assert len(str(error.value)) < 300


def broken(change: str) -> dict[str, dict[str, Any]]:
    data = copy.deepcopy(tables())
    row = data["models"]["models"][1]
    if change == "unknown key":
        row["colour"] = "red"
    elif change == "wrong type":
        row["runs"] = "yes"
    elif change == "no licence":
        row["licence"] = "none"
    elif change == "no profile":
        row["extends"] = "nothing"
    elif change == "twice":
        data["models"]["models"].append(dict(row))
    elif change == "no reason":
        row.update(runs=False, reason="")
    elif change == "preset":
        data["presets"]["presets"]["draft"]["values"]["colour"] = 1
    elif change == "lock":
        data["presets"]["presets"]["draft"]["locked"] = ["colour"]
    elif change == "lora twice":
        data["loras"]["loras"].append(dict(data["loras"]["loras"][0]))
    return data


@pytest.mark.parametrize(
    "change",
    [
        "unknown key",
        "wrong type",
        "no licence",
        "no profile",
        "twice",
        "no reason",
        "preset",
        "lock",
        "lora twice",
    ],
)
def test_broken_data_is_a_configuration_error(change: str):
    with pytest.raises(ConfigurationError) as error:
        read_catalog(broken(change))
    assert error.value.code == "catalog_invalid"
    assert error.value.hint


def test_prices_come_with_the_catalog_or_from_an_operator(tmp_path: Path):
    assert "table" in CATALOG.prices.lists
    own = tmp_path / "prices.toml"
    own.write_text(
        '[sizes]\nany = 1\n[tiers]\ndistilled = "F"\ndev = "P"\n[lists.gift]\ntitle = "Gift"\n',
        "utf-8",
    )
    assert list(load_catalog(own).prices.lists) == ["gift"]


OWN = """
[licences.mine]
title = "Mine"
url = "https://example.org"
free_use = true

[[loras]]
name = "house-style"
kind = "style"
repo = "me/loras"
file = "house.safetensors"
base = ["tiny"]
licence = "mine"
"""


def test_an_operators_adapters_come_with_the_catalog(tmp_path: Path):
    own = tmp_path / "adapters.toml"
    own.write_text(OWN, "utf-8")
    catalog = load_catalog(adapters=own)
    assert catalog.lora("House-Style").file == "house.safetensors"
    assert catalog.licences["mine"].free_use
    assert set(CATALOG.loras) < set(catalog.loras)
    assert "house-style" not in load_catalog().loras


@pytest.mark.parametrize(
    "text",
    [
        OWN.replace('"mine"\n', '"nobodys"\n', 1).replace("mine]", "other]"),
        OWN.replace("house-style", "camera-static"),
        OWN.replace("house-style", "a/b"),
        OWN.replace("house-style", "House"),
        OWN.replace("kind =", "kinds ="),
        OWN.replace('name = "house-style"', ""),
        OWN.replace("[[loras]]", "[[models]]"),
        "no toml",
    ],
)
def test_operators_adapters_that_are_wrong_are_named(text: str, tmp_path: Path):
    own = tmp_path / "adapters.toml"
    own.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_catalog(adapters=own)
    assert caught.value.code == "catalog_invalid"


@pytest.mark.parametrize("kind", ["spatial", "temporal"])
def test_a_running_row_that_upscales_names_the_file(kind: str):
    for row in CATALOG.models.values():
        if row.runs and not row.weights and getattr(row.supports, f"upscale_{kind}"):
            assert f"{kind}_upscaler" in {file.role for file in row.files}, row.name


def test_second_passes_name_adapters_that_their_rows_pull():
    for row in CATALOG.models.values():
        second = row.sampling.second_pass
        if second is None or not second.adapter or not row.runs:
            continue
        lora = CATALOG.lora(second.adapter)
        assert row.name.startswith(lora.base)
        own = next(file for file in row.files if file.role == "distilled_lora")
        assert (own.repo or row.repo, own.path) == (lora.repo, lora.file), row.name


def test_messages_name_the_built_in_model_and_the_newest():
    first, second, *_ = CATALOG.running().split(", ")
    assert first == "tiny"
    assert second.startswith("ltx-2.5")
