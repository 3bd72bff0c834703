"""RunPod's addresses; the calls are tested with its SDK in tests/api/test_runpod.py."""

from ltxserve.api.runpod.routes import router


def test_every_operation_of_the_sdk_is_there():
    paths = {route.path.removeprefix("/runpod/v2/{endpoint}") for route in router.routes}  # pyright: ignore
    assert paths >= {
        "/run",
        "/runsync",
        "/status/{id}",
        "/stream/{id}",
        "/cancel/{id}",
        "/health",
        "/purge-queue",
    }
