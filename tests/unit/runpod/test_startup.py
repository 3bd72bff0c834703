"""From settings to a warm worker: which model, where, which store; nothing starts half."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.catalog.weights.places import Places
from ltxserve.engine.backends.tuning import Tuning
from ltxserve.errors import ConfigurationError, LtxserveError, ModelUnavailable, OutOfMemory
from ltxserve.runpod.startup import (
    chosen_model,
    create_worker,
    ensure_weights,
    main,
    open_store,
    placement_of,
    revision_of,
    stored_where,
)
from ltxserve.settings import Settings, load_settings
from ltxserve.storage.supabase import SupabaseStore
from tests.unit.engine.fakes import Loader

CATALOG = load_catalog()


def settings(tmp_path: Path, **names: Any) -> Settings:
    """Settings as the environment would give them: names in capitals are its own."""
    environment = {
        (name if name.isupper() else f"LTXSERVE_{name.upper()}"): str(value)
        for name, value in {"data_dir": tmp_path, **names}.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return load_settings()


def test_the_engine_is_warm_before_there_is_a_worker(tmp_path: Path):
    loader = Loader()
    worker = create_worker(settings(tmp_path, MODEL_NAME="tiny", DEVICE="cpu"), loader)
    [(spec, placement, backend)] = loader.made
    assert (spec.name, placement.device) == ("tiny", "cpu")
    assert len(backend.ran) == 1
    assert worker.leaving.give_up == worker.give_up


def test_declared_sizes_are_warm_instead_of_the_smallest_clip(tmp_path: Path):
    loader = Loader()
    create_worker(settings(tmp_path, MODEL_NAME="tiny", DEVICE="cpu", warmup="192x128x17"), loader)
    [shape] = [ran[0].deliver for ran in loader.last.ran]
    assert (shape.width, shape.height, shape.num_frames) == (192, 128, 17)


@pytest.mark.parametrize(
    ("name", "model"), [("", "tiny"), ("tiny", "tiny"), ("ltxserve-tiny", "tiny")]
)
def test_the_model_by_name_or_alias(tmp_path: Path, name: str, model: str):
    assert chosen_model(settings(tmp_path, MODEL_NAME=name), CATALOG).name == model


def test_the_model_by_its_repository(tmp_path: Path):
    rows = {"tiny": CATALOG.models["tiny"]}
    for name in ("ltx-2-19b-dev", "ltx-2-19b-distilled"):
        spec = CATALOG.models[name]
        rows[name] = dataclasses.replace(spec, runs=name.endswith("distilled"))
    catalog = dataclasses.replace(CATALOG, models=rows)
    found = chosen_model(settings(tmp_path, MODEL_NAME="Lightricks/LTX-2"), catalog)
    assert found.name == "ltx-2-19b-distilled"


def test_a_model_that_does_not_run_is_said_at_once(tmp_path: Path):
    catalog = dataclasses.replace(
        CATALOG,
        models={"tiny": dataclasses.replace(CATALOG.models["tiny"], runs=False, reason="no.")},
    )
    with pytest.raises(ModelUnavailable) as error:
        chosen_model(settings(tmp_path), catalog)
    assert error.value.code == "not_yet_in_this_build"
    with pytest.raises(LtxserveError) as unknown:
        chosen_model(settings(tmp_path, MODEL_NAME="nope"), CATALOG)
    assert unknown.value.code == "unknown_model"


@pytest.mark.parametrize(
    ("words", "device", "dtype"),
    [
        ({}, "auto", "auto"),
        ({"DEVICE": "cuda:0", "DTYPE": "bf16"}, "cuda", "bfloat16"),
        ({"DEVICE": "CPU", "DTYPE": "torch.float16"}, "cpu", "float16"),
        ({"device": "cpu", "dtype": "float32"}, "cpu", "float32"),
    ],
)
def test_where_it_runs(tmp_path: Path, words: dict[str, str], device: str, dtype: str):
    placement = placement_of(settings(tmp_path, **words))
    assert (placement.device, placement.dtype) == (device, dtype)


def test_how_it_is_made_quicker(tmp_path: Path):
    told = settings(tmp_path, attention="sdpa", warmup="128x128x9")
    assert placement_of(told).tuning == Tuning("sdpa", warm_up=((128, 128, 9),))


@pytest.mark.parametrize("words", [{"DEVICE": "tpu"}, {"DTYPE": "fp9"}])
def test_where_it_cannot_run(tmp_path: Path, words: dict[str, str]):
    with pytest.raises(ConfigurationError) as error:
        placement_of(settings(tmp_path, **words))
    assert error.value.field == next(iter(words))


def published(folder: Path) -> ModelSpec:
    """A row whose files are a few bytes in RunPod's cache, as commit abc123."""
    spec = CATALOG.models["ltx-2-19b-distilled-fp8"]
    checkpoint = next(file for file in spec.files if file.role == "checkpoint")
    for repo, path in (
        (checkpoint.repo or spec.repo, checkpoint.path),
        (spec.text_encoder.repo, f"{spec.text_encoder.subfolder}/config.json".lstrip("/")),
        (spec.text_encoder.repo, f"{spec.text_encoder.subfolder}/a.safetensors".lstrip("/")),
    ):
        root = folder / f"models--{repo.replace('/', '--')}"
        place = root / "snapshots" / "abc123" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("{}")
        (root / "refs").mkdir(exist_ok=True)
        (root / "refs" / "main").write_text("abc123")
    return spec


def test_a_cached_model_is_found_without_a_download(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    spec = published(tmp_path)
    places = Places(volumes=(), home=tmp_path / "none", caches=(tmp_path,))
    ensure_weights(spec, places, settings(tmp_path, offline=True))
    assert any("abc123" in message for message in caplog.messages)
    assert revision_of(spec, places) == "abc123"


def test_a_missing_model_is_not_fetched_where_that_is_forbidden(tmp_path: Path):
    places = Places(volumes=(), home=tmp_path / "none", caches=())
    with pytest.raises(ModelUnavailable) as error:
        ensure_weights(
            CATALOG.models["ltx-2-19b-distilled-fp8"], places, settings(tmp_path, offline=True)
        )
    assert error.value.code == "weights_missing"


def test_the_built_in_model_has_the_packages_revision(tmp_path: Path):
    assert revision_of(CATALOG.models["tiny"], Places()).startswith("ltxserve-")


def test_a_supabase_project_that_is_named_is_the_store(tmp_path: Path):
    names = {
        "SUPABASE_URL": "https://x.supabase.co/",
        "SUPABASE_SERVICE_ROLE_KEY": "sb_secret_x",
        "SUPABASE_BUCKET": "vids",
    }
    store = open_store(stored_where(settings(tmp_path, **names)))
    assert isinstance(store, SupabaseStore)
    store.close()
    assert open_store(stored_where(settings(tmp_path))) is None
    assert open_store(stored_where(settings(tmp_path, store=str(tmp_path)))) is None
    del names["SUPABASE_BUCKET"]
    with pytest.raises(ConfigurationError):
        open_store(stored_where(settings(tmp_path, **names)))


def test_what_keeps_it_from_starting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def exhausted(spec: object, placement: object) -> Any:
        raise OutOfMemory()

    assert main([], create=exhausted) == 1
    assert "out_of_memory" in caplog.text
    monkeypatch.setenv("LTXSERVE_ODD", "1")
    assert main([]) == 1
    assert "LTXSERVE_ODD" in caplog.text


def test_without_the_sdk_no_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("LTXSERVE_DATA_DIR", str(tmp_path))
    loader, installed = Loader(), sys.modules.get("runpod")
    sys.modules["runpod"] = None  # type: ignore[assignment]  # as where it is not installed
    try:
        assert main([], loader) == 1
    finally:
        del sys.modules["runpod"]
        if installed is not None:
            sys.modules["runpod"] = installed
    assert loader.made == []
    assert "ltxserve[engine,server,runpod]" in caplog.text
