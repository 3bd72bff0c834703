"""The SDK's addresses; the calls themselves are tested with the SDK in tests/api/test_openai.py."""

from ltxserve.api.openai.routes import router


def test_every_address_of_the_sdk_is_there():
    there = {(verb, route.path) for route in router.routes for verb in route.methods}  # pyright: ignore
    assert there >= {
        ("POST", "/v1/videos"),
        ("GET", "/v1/videos"),
        ("GET", "/v1/videos/{id}"),
        ("DELETE", "/v1/videos/{id}"),
        ("GET", "/v1/videos/{id}/content"),
        ("POST", "/v1/videos/{id}/remix"),
        ("POST", "/v1/videos/edits"),
        ("POST", "/v1/videos/extensions"),
        ("POST", "/v1/videos/characters"),
        ("GET", "/v1/videos/characters/{id}"),
    }
