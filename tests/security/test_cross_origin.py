"""Pages of other origins: none by default, the named ones where the operator names them."""

from __future__ import annotations

import pytest

from api.settings import Settings
from geo.errors import InvalidInput
from tests.http.edge.asking import Client, KnownPhone, Open

SHOP = "https://shop.example"
FORM = "access-control-"
PATHS = ["/v1/fixes", "/v1/live", "/v1/me", "/v1/sites/main", "/nothing"]


def asks_first(origin: str, method: str = "POST") -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type",
    }


@pytest.fixture
async def shared(open_app: Open) -> Client:
    return await open_app(cors_origins=(SHOP, "https://other.example:8443"))


@pytest.mark.parametrize("path", PATHS)
async def test_by_default_no_page_of_another_origin_is_allowed(client: Client, path: str) -> None:
    for answer in (
        await client.options(path, headers=asks_first(SHOP)),
        await client.post(path, headers={"origin": SHOP}, json={}),
    ):
        assert not [name for name in answer.headers if name.startswith(FORM)]


@pytest.mark.parametrize("path", PATHS)
async def test_a_named_origin_is_answered_before_it_asks(shared: Client, path: str) -> None:
    answer = await shared.options(path, headers=asks_first(SHOP))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "idempotency-key" in answer.headers["access-control-allow-headers"].lower()
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-credentials" not in answer.headers, "there are no cookies"


@pytest.mark.parametrize("path", PATHS)
async def test_a_named_origin_may_read_answers_and_refusals(shared: Client, path: str) -> None:
    answer = await shared.post(path, headers={"origin": SHOP}, json={})
    assert answer.status_code >= 400
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://shop.example", "https://shop.example.evil", "null", SHOP + "/"]
)
async def test_any_other_origin_is_not(shared: Client, origin: str) -> None:
    for answer in (
        await shared.options("/v1/fixes", headers=asks_first(origin)),
        await shared.post("/v1/fixes", headers={"origin": origin}, json={}),
        await shared.get("/v1/me", headers={"origin": origin}),
    ):
        assert not [name for name in answer.headers if name.startswith(FORM)]
        assert "Origin" in answer.headers["vary"], "a cache must not give it the answer of another"


async def test_what_is_said_about_languages_stays_said(shared: Client) -> None:
    answer = await shared.get("/problems", headers={"origin": SHOP})
    assert {"Accept-Language", "Origin"} <= {word.strip() for word in answer.headers["vary"].split(",")}


async def test_whoever_is_no_page_notices_nothing(shared: Client, phone: KnownPhone) -> None:
    answer = await shared.get("/v1/me", headers=phone.headers)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith(FORM)]


async def test_a_star_lets_every_page_ask(open_app: Open) -> None:
    client = await open_app(cors_origins=("*",))
    answer = await client.options("/v1/live", headers=asks_first("https://any.example", "GET"))
    assert answer.headers["access-control-allow-origin"] == "*"
    answer = await client.get("/v1/me", headers={"origin": "https://any.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_options_that_are_no_preflight_are_the_routes_own(shared: Client) -> None:
    answer = await shared.options("/v1/me", headers={"origin": SHOP})
    assert "access-control-allow-methods" not in answer.headers


@pytest.mark.parametrize(
    "value",
    ["shop.example", "https://shop.example/", "https://Shop.example", f"*, {SHOP}", "null"],
)
def test_an_origin_that_no_browser_sends_is_no_setting(value: str) -> None:
    with pytest.raises(InvalidInput, match="ALENTOUR_CORS_ORIGINS must be origins"):
        Settings.from_environment({"ALENTOUR_CORS_ORIGINS": value})
