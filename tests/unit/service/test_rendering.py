"""What a worker makes of a request, on the built-in model: files in the store, told on the way."""

import base64
import hashlib
import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ltxserve.engine.backends.tuning import Tuning
from ltxserve.engine.engine import Engine
from ltxserve.errors import Cancelled, GenerationFailed, LtxserveError, StorageError
from ltxserve.media.decode import read_sound
from ltxserve.media.fetch import FetchRules
from ltxserve.media.probe import probe
from ltxserve.pool.base import Json, Work, WorkerBroken, WorkerSpec
from ltxserve.pool.create import create_pool
from ltxserve.service.rendering import Renderer, create_renderer
from ltxserve.service.scratch import Scratch
from ltxserve.storage.base import Stored
from ltxserve.storage.create import StoreConfig
from ltxserve.storage.links import Links
from ltxserve.storage.local import LocalStore
from tests.contracts.pools import BRISK, Bench
from tests.guards.tree import run_python
from tests.replicas.adapters import low_rank
from tests.tiny import PROMPT, SMALL, disc, engine, saved
from tests.unit.engine.fakes import Loader


class Bare:
    """A worker's surroundings: a store and a scratch folder, and what was told."""

    def __init__(self, folder: Path, running: Engine | None = None) -> None:
        self.store = LocalStore(folder / "store", Links(("secret",)))
        self.scratch = Scratch(folder)
        self.told: list[Json] = []
        self.renderer = Renderer(running or engine(), self.store, FetchRules(), self.scratch)

    def run(self, kind: str = "generation", **request: Any) -> dict[str, Any]:
        asked = {"prompt": PROMPT, **SMALL, **request} if kind == "generation" else request
        return self.renderer(payload(asked, kind), self.tell)

    def tell(self, update: Json) -> None:
        self.told.append(json.loads(json.dumps(update)))

    def stored(self) -> dict[str, Path]:
        """Every file in the store by key."""
        root = self.store.path("acct").parent
        files = (path for path in (root / "acct").rglob("*") if path.is_file())
        keys = {str(path.relative_to(root)): path for path in files}
        return {key: path for key, path in keys.items() if self.store.stat(key) is not None}


def payload(request: dict[str, Any], kind: str = "generation") -> dict[str, Any]:
    return {"job_id": "job", "attempt": 2, "account_id": "acct", "kind": kind, "request": request}


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return Bare(tmp_path)


def test_a_request_becomes_files_that_are_as_reported(bare: Bare):
    result = bare.run(seed=7)
    assert set(result["artifacts"]) == {"video", "thumbnail", "preview"}
    assert json.loads(json.dumps(result)) == result
    assert set(bare.stored()) == {file["key"] for file in result["artifacts"].values()}
    for file in result["artifacts"].values():
        content = bare.store.path(file["key"]).read_bytes()
        assert file["key"].startswith("acct/job/2/")
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            file["bytes"],
            file["sha256"],
        )
    video = result["artifacts"]["video"]
    assert (video["key"], video["media_type"]) == ("acct/job/2/video.mp4", "video/mp4")
    found = probe(bare.store.path(video["key"])).video
    assert found is not None
    assert (found.width, found.height, found.num_frames) == (128, 128, 9)
    said = {name: result[name] for name in ("width", "height", "num_frames", "fps", "has_sound")}
    assert said == {"width": 128, "height": 128, "num_frames": 9, "fps": 24.0, "has_sound": True}
    assert result["seed"] == 7
    assert result["plan"]["model"] == "tiny"
    assert result["timings"]["denoise"] > 0
    assert list(bare.scratch.folder.glob("tmp*")) == [], "nothing is left behind"


def test_the_same_seed_makes_the_same_file(bare: Bare):
    first = bare.run(seed=3)["artifacts"]["video"]
    assert bare.run(seed=3)["artifacts"]["video"] == first
    assert bare.run(seed=4)["artifacts"]["video"]["sha256"] != first["sha256"]


def test_an_operators_adapters_are_worn_by_their_names(tmp_path: Path):
    models = tmp_path / "models"
    low_rank(models / "house.safetensors")
    own = tmp_path / "adapters.toml"
    own.write_text(
        '[[loras]]\nname = "house-style"\nkind = "style"\nrepo = "me/loras"\n'
        'file = "house.safetensors"\nbase = ["tiny"]\nlicence = "apache-2"\n',
        "utf-8",
    )
    told = {"device": "cpu", "dtype": "auto", "models_dir": str(models), "adapters": str(own)}
    store = asdict(StoreConfig("local", folder=str(tmp_path / "store"), secrets=("s",)))
    render = create_renderer(json.dumps({**told, "store": store, "preload": ""}))
    asked = {"prompt": PROMPT, **SMALL, "loras": [{"name_or_path": "house-style"}]}
    worn = render(payload(asked), lambda update: None)
    plain = render(payload({**asked, "loras": []}), lambda update: None)
    assert [lora["name"] for lora in worn["plan"]["loras"]] == ["house-style"]
    files = [result["artifacts"]["video"]["sha256"] for result in (worn, plain)]
    assert files[0] != files[1]


def test_every_stage_is_told_and_previews_are_pictures(bare: Bare):
    bare.run(num_inference_steps=3)
    stages = {update["stage"] for update in bare.told}
    assert stages >= {"load", "encode_prompt", "denoise", "decode_video", "encode_file", "store"}
    assert [update["model"] for update in bare.told if "model" in update] == ["tiny"]
    pictures = [update["preview"] for update in bare.told if "preview" in update]
    assert len(pictures) >= 2
    for picture in pictures:
        opened = Image.open(io.BytesIO(base64.b64decode(picture)))
        assert (opened.format, opened.size) == ("JPEG", (256, 256))


@pytest.mark.parametrize(
    ("kind", "key", "media_type"),
    [
        ("webm", "acct/job/2/video.webm", "video/webm"),
        ("gif", "acct/job/2/video.gif", "image/gif"),
        ("png", "acct/job/2/video.zip", "application/zip"),
    ],
)
def test_every_format_is_one_file(bare: Bare, kind: str, key: str, media_type: str):
    result = bare.run(output={"format": kind})
    video = result["artifacts"]["video"]
    assert (video["key"], video["media_type"]) == (key, media_type)
    assert {"thumbnail", "preview"} < set(result["artifacts"])
    if kind == "png":
        with zipfile.ZipFile(bare.store.path(key)) as archive:
            assert sum(name.endswith(".png") for name in archive.namelist()) == 9


def test_sound_is_a_file_of_its_own_where_it_is_asked_for(bare: Bare):
    audio = bare.run(audio=True)["artifacts"]["audio"]
    assert audio["media_type"] == "audio/wav"
    found = probe(bare.store.path(audio["key"])).audio
    assert found is not None
    assert read_sound(bare.store.path(audio["key"])).seconds == pytest.approx(9 / 24, abs=0.05)
    assert "audio" not in bare.run(audio=False)["artifacts"]
    assert "audio" not in bare.run(audio=None)["artifacts"]


def test_a_kept_picture_conditions_the_clip(bare: Bare, tmp_path: Path):
    picture = Path(saved(disc(), tmp_path / "disc.png"))
    bare.store.put("acct/up/disc.png", picture, "image/png")
    result = bare.run(conditions=[{"source": "store:acct/up/disc.png"}])
    assert result["artifacts"]["video"] != bare.run()["artifacts"]["video"]
    assert str(tmp_path) not in json.dumps(result), "where a worker keeps files is its own business"


def test_a_cancel_at_any_stage_leaves_nothing(bare: Bare):
    bare.run()
    before, stages = set(bare.stored()), {update["stage"] for update in bare.told}
    for key in before:
        bare.store.delete(key)
    for stage in stages:

        def tell(update: Json, stage: str = stage) -> None:
            if update["stage"] == stage:
                raise Cancelled

        with pytest.raises(Cancelled):
            bare.renderer(payload({"prompt": PROMPT, **SMALL}), tell)
        assert bare.stored() == {}, stage
        assert list(bare.scratch.folder.glob("tmp*")) == []


def test_refusals_keep_their_code(bare: Bare):
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"model": "no-such-model"}, "request_refused"),
        ({"width": 31}, "request_refused"),
        ({"conditions": [{"source": "/etc/hostname"}]}, "source_invalid"),
    )
    for request, code in refused:
        with pytest.raises(LtxserveError) as refusal:
            bare.run(**request)
        assert refusal.value.code == code


class FullStore(LocalStore):
    """A store whose disk is full from the second file on."""

    puts = 0

    def put(self, key: str, path: Path, media_type: str) -> Stored:
        self.puts += 1
        if self.puts > 1:
            raise StorageError("storage_full", "There is no space left.")
        return super().put(key, path, media_type)


def test_what_cannot_be_stored_whole_is_not_kept_in_part(bare: Bare):
    bare.renderer = Renderer(
        engine(), FullStore(bare.store.path("acct").parent, bare.store.links), FetchRules(),
        bare.scratch,
    )  # fmt: skip
    with pytest.raises(StorageError):
        bare.run()
    assert bare.stored() == {}


def test_a_lost_device_makes_the_worker_useless(tmp_path: Path):
    def act(step: int) -> None:
        raise GenerationFailed("device_broken", "CUDA error: an illegal memory access")

    with Engine(create=Loader(act)) as broken:
        bare = Bare(tmp_path, broken)
        with pytest.raises(WorkerBroken) as caught:
            bare.run()
    assert caught.value.cause.code == "device_broken"


def test_other_failures_do_not(tmp_path: Path):
    def act(step: int) -> None:
        raise GenerationFailed("generation_failed", "It broke.")

    with Engine(create=Loader(act)) as failing, pytest.raises(GenerationFailed):
        Bare(tmp_path, failing).run()


def test_clips_are_joined_by_the_same_worker(bare: Bare):
    one, two = (bare.run(seed=seed)["artifacts"]["video"]["key"] for seed in (1, 2))
    bare.store.put("acct/up/two.mp4", bare.store.path(two), "video/mp4")
    bare.store.put("acct/up/one.mp4", bare.store.path(one), "video/mp4")
    clips = [{"source": "store:acct/up/one.mp4"}, {"source": "store:acct/up/two.mp4"}]
    result = bare.run("stitch", clips=clips)
    assert result["num_frames"] == 18
    assert result["artifacts"]["video"]["media_type"] == "video/mp4"
    assert set(result["artifacts"]) == {"video", "thumbnail", "preview"}
    assert result["timings"]["stitch"] >= 0
    assert json.loads(json.dumps(result)) == result


def config(folder: Path, **options: Any) -> str:
    store = StoreConfig(folder=str(folder / "store"), secrets=("secret",))
    told = {"device": "cpu", "dtype": "auto", "models_dir": None, "store": asdict(store)}
    return json.dumps({**told, "fetch": asdict(FetchRules()), **options})


def test_the_configuration_reaches_the_engine(tmp_path: Path):
    tuning = {"attention": "sdpa", "warmup": "128x128x9"}
    told = {"preload": "", "dtype": "float32", "models_dir": "there", "tuning": tuning}
    body = create_renderer(config(tmp_path, **told))
    assert isinstance(body, Renderer)
    assert body.engine.placement.tuning == Tuning("sdpa", warm_up=((128, 128, 9),))
    assert body.engine.placement.dtype == "float32"
    assert body.engine.placement.models_dir == Path("there")


def test_a_spare_loads_the_libraries_and_no_settings():
    code = "import sys, ltxserve.service.rendering as r; assert 'torch' not in sys.modules\n"
    code += "r.prepare(); print(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    run = run_python(code)
    assert run.stdout.strip() == "['diffusers', 'torch', 'transformers']", run.stderr


def test_a_model_that_is_not_here_is_left_to_its_jobs(tmp_path: Path):
    other = next(name for name in engine().catalog.models if name != "tiny")
    body = create_renderer(config(tmp_path, preload=other))
    assert isinstance(body, Renderer)


@pytest.mark.slow
def test_a_pool_of_processes_renders(tmp_path: Path):
    spec = WorkerSpec("ltxserve.service.rendering:create_renderer", config(tmp_path), ("cpu",))
    bench = Bench(create_pool("local", spec, BRISK))
    bench.ready()
    work = payload({"prompt": PROMPT, **SMALL})
    bench.pool.start(Work("job", 2, work, "tiny"))
    report = bench.end("job")
    assert report.state == "succeeded", report.error
    assert report.result is not None
    key = report.result["artifacts"]["video"]["key"]
    assert probe(tmp_path / "store" / key).video is not None
    assert any("preview" in update for update in bench.pool.poll("job").updates)
    assert bench.pool.slots()[0].model == "tiny"
    bench.pool.close()


UNWARMED = """
import json, sys
from ltxserve.errors import LtxserveError
from ltxserve.service.rendering import create_renderer
from ltxserve.service.scratch import in_use

config = {"device": "cpu", "dtype": "auto", "preload": "nope", "store": json.loads(sys.argv[1])}
try:
    create_renderer(json.dumps(config))
except LtxserveError as error:
    print(error.code, in_use())
"""


def test_a_worker_shows_its_folder_once_its_model_is_warm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    store = asdict(StoreConfig("local", folder=str(tmp_path / "store"), secrets=("s",)))
    run = run_python(UNWARMED, json.dumps(store))
    assert run.stdout.split() == ["unknown_model", "0"], run.stderr
    assert list(tmp_path.glob("ltxserve-worker-*")) == []
