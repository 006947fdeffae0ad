"""What every answer tells browsers and caches about itself."""

from __future__ import annotations

import pytest

from tests.concurrency.asking import fix_at, report_of
from tests.http.edge.asking import Client, HeadersOf, KnownPhone, Open
from tests.security.tenants import operations

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


async def test_every_answer_that_is_no_page_lets_a_browser_do_nothing_with_it(
    client: Client, phone: KnownPhone
) -> None:
    for answer in (
        await client.get("/v1/me", headers=phone.headers),
        await client.get("/v1/me"),
        await client.get("/nothing"),
        await client.get("/openapi.json"),
        await client.get("/metrics"),
        await client.post("/v1/fixes", headers=phone.headers, json=report_of(fix_at(0.0))),
        await client.post("/v1/fixes", content=b"no json"),
        await client.post("/v1/devices", content=b"<a>", headers={"content-type": "text/xml"}),
    ):
        assert {name: answer.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
        assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("path", ["/docs", "/problems", "/problems/in_use"])
async def test_a_page_has_one_policy_and_it_is_its_own(client: Client, path: str) -> None:
    answer = await client.get(path, headers={"accept": "text/html"})
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "sha256-" in policies[0]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_where_tls_is_in_front_browsers_are_told_to_stay_with_it(open_app: Open) -> None:
    client = await open_app(tls_in_front=True)
    for path in ("/health/live", "/docs", "/v1/fixes"):
        answer = await client.request("POST" if path == "/v1/fixes" else "GET", path)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_nothing_personal_is_kept_by_a_cache(
    client: Client, phone: KnownPhone, headers_of: HeadersOf
) -> None:
    asked = 0
    for operation in operations():
        if operation.method != "GET" or operation.parameters("path") or not operation.schemes:
            continue
        headers = phone.headers if "deviceToken" in operation.schemes else await headers_of("read")
        query = {one["name"]: 60 for one in operation.parameters("query") if one.get("required")}
        answer = await client.get(operation.path, headers=headers, params=query)
        # What a client revalidates by its ETag may be kept by that client alone.
        revalidated = answer.headers["cache-control"] == "private, no-cache" and "etag" in answer.headers
        assert answer.headers["cache-control"] == "no-store" or revalidated, operation.name
        asked += 1
    assert asked >= 10


async def test_what_is_anybodys_may_be_kept(client: Client) -> None:
    assert "cache-control" not in (await client.get("/problems")).headers
