"""Who gets in: keys, scopes, other accounts' jobs, and the open server on loopback."""

import json
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.api.serving import PATIENCE, Served, serving
from tests.api.test_native import SMALL


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("locked"), require_keys=True) as server:
        yield server


@pytest.mark.parametrize("form", ["Bearer {}", "{}", "bearer  {}", "Key {}"])
def test_a_key_in_authorization(locked: Served, form: str):
    key = locked.account(f"a{abs(hash(form))}", price_list="free")
    with locked.client(Authorization=form.format(key)) as client:
        assert client.get("/api/generations").status_code == 200


def test_a_key_in_its_own_header(locked: Served):
    with locked.client(**{"X-API-Key": locked.account("header", price_list="free")}) as client:
        assert client.post("/api/generations", json=SMALL).status_code == 202


@pytest.mark.parametrize("key", [None, "nonsense", "ltx_000000000000_" + "x" * 43, "ltx_é"])
def test_without_a_good_key_nothing_is_said(locked: Served, key: str | None):
    headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
    with locked.client() as client:
        for path in ("/api/generations", "/api/models", "/api/generations/none"):
            answer = client.get(path, headers=headers)  # pyright: ignore[reportArgumentType]
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "nonsense" not in answer.text


def test_a_key_may_only_what_its_scopes_say(locked: Served):
    with locked.client(**{"X-API-Key": locked.account("reader", scopes=("read",))}) as client:
        assert client.get("/api/generations").status_code == 200
        refused = client.post("/api/generations", json=SMALL)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_another_accounts_job_does_not_exist(locked: Served):
    mine, other = locked.account("mine", price_list="free"), locked.account("other")
    with locked.client(**{"X-API-Key": mine}) as client:
        job = client.post("/api/generations", json=SMALL).json()["id"]
    path = f"/api/generations/{job}"
    with locked.client(**{"X-API-Key": other}) as client:
        answers = [
            client.get(path + tail)
            for tail in ("", "/content", "/thumbnail", "/events", "/deliveries")
        ]
        answers += [client.post(path + "/cancel"), client.delete(path)]
        assert {answer.status_code for answer in answers} == {404}
        assert {answer.json()["code"] for answer in answers} == {"job_not_found"}
        assert client.get("/api/generations").json()["data"] == []
    with locked.client(**{"X-API-Key": mine}) as client:
        assert client.get(path).json()["state"] == "queued"


def test_credits_are_needed_and_said(locked: Served):
    with locked.client(**{"X-API-Key": locked.account("poor", price_list="per-second")}) as client:
        answer = client.post("/api/generations", json=SMALL)
        assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_credits")
        price = client.post("/api/quote", json=SMALL).json()["credits"]
        assert (answer.json()["price"], answer.json()["balance"]) == (price, 0)
        assert price > 0
        openai = client.post("/v1/videos", json={"model": "tiny", "prompt": "x"})
        assert openai.status_code == 402
        assert openai.json()["error"]["balance"] == 0
        assert client.get("/api/generations").json()["data"] == []
    rich = locked.account("rich", credits=1000, price_list="per-second")
    with locked.client(**{"X-API-Key": rich}) as client:
        assert client.post("/api/generations", json=SMALL).status_code == 202


def test_a_browser_gives_its_key_as_subprotocol(locked: Served):
    key = locked.account("browser", price_list="free")
    with locked.client(**{"X-API-Key": key}) as client:
        job = client.post("/api/generations", json=SMALL).json()["id"]
    url = locked.url.replace("http", "ws") + f"/api/generations/{job}/ws"
    mine = [Subprotocol(f"ltxserve.key.{key}")]
    with connect(url, subprotocols=mine, open_timeout=PATIENCE) as socket:
        assert json.loads(socket.recv())["kind"] == "queued"
    with connect(url, open_timeout=PATIENCE) as socket:
        assert json.loads(socket.recv())["code"] == "unauthorized"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://[broken"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_other_sites_pages_cannot_use_the_open_server(served: Served, headers: dict[str, str]):
    with served.client(**headers) as client:
        answer = client.post("/api/generations", json=SMALL)
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:1"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Authorization": "Bearer sk-anything"},
    ],
)
def test_this_machines_own_callers_can(served: Served, headers: dict[str, str]):
    with served.client(**headers) as client:
        assert client.get("/api/generations").status_code == 200


def test_a_key_of_ours_counts_on_the_open_server_too(served: Served):
    with served.client(Authorization="Bearer ltx_wrong") as client:
        assert client.get("/api/generations").status_code == 401
    with served.client(
        **{"X-API-Key": served.account("keyed"), "Host": "outside.example"}
    ) as client:
        assert client.get("/api/generations").status_code == 200
