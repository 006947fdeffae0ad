"""The OWASP API Security Top 10 (2023), each tried against the whole application.

https://owasp.org/API-Security/editions/2023/en/0x11-t10/
"""

from __future__ import annotations

import ast
import asyncio
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from api.app import create_litestar
from api.observability import Metrics
from api.problems import LARGEST_BODY_BYTES
from api.settings import Settings
from tests.concurrency.asking import fix_at, report_of
from tests.http.documented import described
from tests.http.edge.asking import Client, HeadersOf, KnownPhone, Open, bearer, code_of
from tests.http.phones import Shop, new_phone
from tests.security.tenants import (
    ENDLESS,
    Operation,
    Tenant,
    marks_in,
    operations,
    owned,
    rows_that_name,
    tries,
    two_tenants,
)
from tests.serving import CHECKOUT

SAFE = {"GET", "HEAD"}
# What only an operator of the whole installation may do.
ADMINS = {
    "setClock", "advanceClock", "tickClock", "addRetailer", "listRetailers",
    "addKey", "listKeys", "listAdminKeys", "rotateKey", "revokeKey", "editDefaults",
    "rotateReceiptKey", "measureEverything",
}  # fmt: skip
# Reading in the form of a POST: nothing is kept.
READS_BY_POST = {"lintFenceDraft", "forecastFenceReach", "rehearseDecision", "lookUpParkingPermit"}


# API1:2023 Broken Object Level Authorization --------------------------------------------------


async def test_api1_broken_object_level_authorization_no_id_opens_what_is_another_tenants(
    client: Client, pool: asyncpg.Pool
) -> None:
    """The full matrix is tests/security/test_tenants.py; here the strongest key tries each object."""
    ours, theirs = await two_tenants(client, pool)
    before = await rows_that_name(pool, theirs)
    refused = 0
    for operation in operations():
        if operation.path_ids():
            headers = ours.credentials["phone" if "deviceToken" in operation.schemes else "manage"]
            for one in tries(operation, ours, theirs):
                if set(one.where) & set(operation.path_ids()):
                    answer = await one.send(client, headers)
                    assert answer.status_code in {403, 404}, one
                    assert marks_in(answer, theirs, sent=one.named) == [], one
                    refused += 1
    assert refused > 30
    assert await rows_that_name(pool, theirs) == before


# API2:2023 Broken Authentication --------------------------------------------------------------


async def test_api2_broken_authentication_every_route_asks_who_it_is(client: Client) -> None:
    anybodys = {
        "checkLiveness", "checkReadiness", "readMetrics", "listProblems", "explainProblem",
        "registerDevice", "listNotices", "listControllers", "verifyReceipt", "readReceiptKeys",
        "hearStripe",  # its signature says who it is
    }  # fmt: skip
    for operation in operations():
        example = _example(operation)
        answer = await client.request(
            operation.method, example, json=operation.body(), headers={"idempotency-key": uuid4().hex}
        )
        if operation.name in anybodys:
            assert answer.status_code != 401
        else:
            assert (answer.status_code, code_of(answer)) == (401, "unauthenticated"), operation.name


async def test_api2_broken_authentication_a_token_counts_in_its_header_only(
    client: Client, phone: KnownPhone
) -> None:
    for how in (
        {"params": {"access_token": phone.token}},
        {"params": {"token": phone.token}},
        {"headers": {"cookie": f"token={phone.token}"}},
        {"headers": {"authorization": f"Basic {phone.token}"}},
        {"headers": {"authorization": phone.token}},
        {"headers": {"x-api-key": phone.token}},
    ):
        assert (await client.request("GET", "/v1/inbox", **how)).status_code in {400, 401}


async def test_api2_broken_authentication_guesses_are_slowed_down(open_app: Open) -> None:
    client = await open_app(rate_address_per_s=1, rate_address_burst=100)
    guesses = [f"ak_aaaaaaaaaaaa_{number:043}" for number in range(30)]
    statuses = [(await client.get("/v1/offers", headers=bearer(one))).status_code for one in guesses]
    assert statuses.count(401) == 10
    assert statuses.count(429) == 20


async def test_api2_broken_authentication_an_ended_key_and_a_revoked_phone_are_nobody(
    client: Client, pool: asyncpg.Pool, admin: dict[str, str], headers_of: HeadersOf
) -> None:
    manage = await headers_of("manage")
    assert (await client.get("/v1/offers", headers=manage)).status_code == 200
    key_id = manage["Authorization"].split("_")[1]
    assert (await client.delete(f"/v1/keys/{key_id}", headers=admin)).status_code == 204
    assert (await client.get("/v1/offers", headers=manage)).status_code == 401
    phone = await new_phone(client)
    await phone.post(f"/v1/me/devices/{phone.device_id}/revoke")
    assert (await phone.get("/v1/me")).status_code == 401
    assert (await phone.post("/v1/fixes", report_of(fix_at(0.0)))).status_code == 401


# API3:2023 Broken Object Property Level Authorization -----------------------------------------


async def test_api3_broken_object_property_level_authorization_nothing_more_than_asked_for_can_be_set(
    client: Client, pool: asyncpg.Pool, retailer_id: int, headers_of: HeadersOf
) -> None:
    phone = await new_phone(client)
    new = {"installation_id": uuid4().hex, "platform": "ios"}
    for extra in ({"customer_id": phone.customer_id}, {"status": "active"}, {"bucket": 1}, {"grants": ["x"]}):
        assert (await client.post("/v1/devices", json={**new, **extra})).status_code == 400
    for extra in ({"granted": ["location_offers"]}, {"customer_id": str(uuid4())}, {"last_seq": 9}):
        assert (await phone.patch("/v1/me/preferences", extra)).status_code == 400
    manage = await headers_of("manage")
    cap = {"scope": "retailer", "at_most": 1, "window": {"calendar": "day"}}
    answer = await client.post("/v1/caps", json={**cap, "scope": "system"}, headers=manage)
    assert answer.status_code in {400, 403}
    made = await client.post("/v1/caps", json={**cap, "retailer_id": retailer_id + 1}, headers=manage)
    rows = await pool.fetch("SELECT retailer_id FROM caps WHERE retailer_id IS NOT NULL")
    assert made.status_code == 201
    assert [row["retailer_id"] for row in rows] == [retailer_id], "a read-only member is not taken over"


def test_api3_broken_object_property_level_authorization_no_answer_has_a_member_of_the_inside() -> None:
    inside = ("hash", "secret", "bucket", "password", "trace")
    told_once = {("NewKey", "key"), ("RegisteredDevice", "token"), ("NewToken", "token")}
    # Their own reasons, for the person they are about.
    ones_own = {("ExportedDelivery", "trace"), ("ExportedHoldout", "trace")}
    # Of what is in a dish; and what proves which card was shown.
    of_menus = {"traces", "content_hash"}
    # Made by the provider for that person's phone, for as long as the payment waits for them.
    ones_own |= {(name, "client_secret") for name in ("PaymentInFull", "PaymentUnderWay")}
    for name, schema in described()["components"]["schemas"].items():
        for member in schema.get("properties", {}):
            is_inside = any(word in member for word in inside) and member not in of_menus
            assert not is_inside or (name, member) in ones_own, f"{name}.{member}"
            if member in {"key", "token"}:
                # KeptAnswer: the Idempotency-Key that the person's own app chose.
                assert (name, member) in told_once | {("KeptAnswer", "key")}


# API4:2023 Unrestricted Resource Consumption --------------------------------------------------


async def test_api4_unrestricted_resource_consumption_a_request_has_a_largest_size(
    client: Client, phone: KnownPhone, headers_of: HeadersOf
) -> None:
    many = report_of(*(fix_at(0.0, before_s=number) for number in range(101)))
    assert (await client.post("/v1/fixes", json=many, headers=phone.headers)).status_code == 400
    bomb = gzip.compress(b" " * (LARGEST_BODY_BYTES * 50))
    assert len(bomb) < LARGEST_BODY_BYTES
    packed = {**phone.headers, "content-encoding": "gzip"}
    assert code_of(await client.post("/v1/fixes", content=bomb, headers=packed)) == "body_too_large"
    deep = b"[" * 100_000 + b"]" * 100_000
    for answer in (
        await client.post("/v1/fixes", content=deep, headers=phone.headers),
        await client.post("/v1/devices", content=deep),
    ):
        assert answer.status_code == 400
    assert (await client.get("/v1/inbox", params={"limit": 10_000}, headers=phone.headers)).status_code == 400


def test_api4_unrestricted_resource_consumption_every_list_has_a_longest_page() -> None:
    for operation in operations():
        for parameter in operation.parameters("query"):
            if parameter["name"] in {"limit", "radius_m"}:
                assert parameter["schema"]["maximum"] <= 50_000, operation.name
            if parameter["schema"].get("type") == "string" and "enum" not in parameter["schema"]:
                formats = {"uuid", "date", "date-time"}
                bounded = "maxLength" in parameter["schema"] or parameter["schema"].get("format") in formats
                assert bounded, f"{operation.name}: {parameter['name']}"


async def test_api4_unrestricted_resource_consumption_nobody_may_ask_without_end(
    open_app: Open, phone: KnownPhone, headers_of: HeadersOf
) -> None:
    client = await open_app(rate_device_per_s=1, rate_device_burst=10, rate_key_per_s=1, rate_key_burst=10)
    read = await headers_of("read")
    for path, headers in (("/v1/me", phone.headers), ("/v1/offers", read)):
        answers = [await client.get(path, headers=headers) for _ in range(15)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 5
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers[10:])


# API5:2023 Broken Function Level Authorization ------------------------------------------------


async def test_api5_broken_function_level_authorization_a_role_does_what_it_is_for_and_no_more(
    client: Client, pool: asyncpg.Pool
) -> None:
    ours, _ = await two_tenants(client, pool)
    before = await rows_that_name(pool, ours)
    for operation in operations():
        if "retailerKey" not in operation.schemes:
            continue
        for role in _not_meant_for(operation):
            answer = await owned(operation, ours).send(client, ours.credentials[role])
            assert answer.status_code == 403, f"{operation.name} as {role}: {answer.text}"
            assert (answer.status_code, code_of(answer)) == (403, "forbidden"), f"{operation.name} as {role}"
    assert await rows_that_name(pool, ours) == before
    assert {one.name for one in operations()} >= ADMINS


def _not_meant_for(operation: Operation) -> Iterator[str]:
    if operation.name in ADMINS:
        yield "manage"
    if operation.name in ADMINS or (operation.method not in SAFE and operation.name not in READS_BY_POST):
        yield "read"
    if operation.name != "redeemCode":
        yield "till"


async def test_api5_broken_function_level_authorization_phones_and_shops_have_different_doors(
    client: Client, phone: KnownPhone, headers_of: HeadersOf, admin: dict[str, str]
) -> None:
    for operation in operations():
        if operation.schemes:
            keys = [admin, await headers_of("manage")]
            for headers in [phone.headers] if "retailerKey" in operation.schemes else keys:
                answer = await client.request(
                    operation.method,
                    _example(operation),
                    json=operation.body(),
                    headers={**headers, "idempotency-key": uuid4().hex},
                )
                assert answer.status_code == 401, operation.name


# API6:2023 Unrestricted Access to Sensitive Business Flows ------------------------------------


async def test_api6_unrestricted_access_to_sensitive_business_flows_one_code_is_redeemed_once(
    client: Client, pool: asyncpg.Pool
) -> None:
    shop = await Shop.opens(pool)
    offer_id, till = await shop.offers(stock=5), await shop.till()
    phone = await new_phone(client)
    await phone.consents_to(shop.retailer_id)
    given = await shop.gives(phone, offer_id, handed=True)
    answers = await asyncio.gather(
        *(
            client.post(
                "/v1/redemptions", json={"code": given.code}, headers={**till, "idempotency-key": uuid4().hex}
            )
            for _ in range(12)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    as_phone = await phone.post(
        "/v1/redemptions", {"code": given.code}, headers={"idempotency-key": uuid4().hex}
    )
    assert as_phone.status_code == 401, "nobody redeems for themselves"


async def test_api6_unrestricted_access_to_sensitive_business_flows_people_are_not_made_in_bulk(
    open_app: Open,
) -> None:
    """More customers would be more caps, more budgets and more of every limited offer."""
    client = await open_app(rate_address_per_s=1, rate_address_burst=20)
    new = [{"installation_id": uuid4().hex, "platform": "ios"} for _ in range(50)]
    statuses = [(await client.post("/v1/devices", json=one)).status_code for one in new]
    assert statuses.count(201) <= 21
    assert statuses.count(429) >= 29


async def test_api6_unrestricted_access_to_sensitive_business_flows_a_link_code_is_not_guessed(
    client: Client,
) -> None:
    first = await new_phone(client)
    code = (await first.post("/v1/me/link-codes")).json()["code"]
    wrong = [code[:-1] + letter for letter in "0123456789" if letter != code[-1]][:5]
    for guess in (*wrong, code):  # the right one comes after all tries are spent
        new = {"installation_id": uuid4().hex, "platform": "ios", "link_code": guess}
        answer = await client.post("/v1/devices", json=new)
        assert (answer.status_code, code_of(answer)) == (409, "link_code_refused")


# API7:2023 Server Side Request Forgery --------------------------------------------------------


async def test_api7_server_side_request_forgery_no_text_of_a_client_is_taken_for_an_address(
    client: Client, pool: asyncpg.Pool, admin: dict[str, str]
) -> None:
    ours, _ = await two_tenants(client, pool)
    with _connections() as made:
        for operation in operations():
            headers = ours.credentials["phone"] if "deviceToken" in operation.schemes else admin
            body = _with_addresses(operation.body())
            more = {} if body is None else {"json": body}
            await client.request(
                operation.method,
                _example(operation, ours),
                headers={**headers, "idempotency-key": uuid4().hex, "referer": METADATA},
                **more,
            )
    assert [address for address in made if not _is_our_database(address)] == []


HOST = "169.254.169.254"
METADATA = f"http://{HOST}/latest/meta-data/"


def _with_addresses(value: Any) -> Any:
    """The same with every free text an address that must not be fetched."""
    if isinstance(value, dict):
        return {name: _with_addresses(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_addresses(member) for member in value]
    return METADATA if isinstance(value, str) and " " in value else value


class _connections:  # noqa: N801 - reads as a word where it is used
    """Remembers every address that this process connects to or resolves in the block."""

    _open: list[Any] | None = None
    _is_hooked = False

    def __enter__(self) -> list[Any]:
        if not _connections._is_hooked:  # a hook cannot be taken back
            sys.addaudithook(_connections._note)
            _connections._is_hooked = True
        _connections._open = made = []
        return made

    def __exit__(self, *_: object) -> None:
        _connections._open = None

    @staticmethod
    def _note(event: str, arguments: tuple[Any, ...]) -> None:
        if _connections._open is not None and event in {"socket.connect", "socket.getaddrinfo"}:
            _connections._open.append(arguments[1] if event == "socket.connect" else arguments[0])


def _is_our_database(address: Any) -> bool:
    return isinstance(address, (str, bytes)) and "PGSQL" in str(address)


def test_api7_server_side_request_forgery_the_watch_sees_a_connection() -> None:
    import socket  # noqa: PLC0415 - only this test reaches out, to nobody

    with _connections() as made, socket.socket() as probe:
        probe.connect_ex(("127.0.0.1", 9))
    assert made == [("127.0.0.1", 9)]


# API8:2023 Security Misconfiguration ----------------------------------------------------------


async def test_api8_security_misconfiguration_the_defaults_are_the_careful_ones(client: Client) -> None:
    settings = Settings.from_environment({})
    assert settings.host == "127.0.0.1"
    assert settings.cors_origins == ()
    assert settings.trusted_proxies == ()
    assert min(settings.rate_device_per_s, settings.rate_key_per_s, settings.rate_address_per_s) > 0
    answer = await client.options(
        "/v1/me", headers={"origin": "https://evil.example", "access-control-request-method": "GET"}
    )
    assert not [name for name in answer.headers if name.startswith("access-control")]
    answer = await client.get("/v1/me")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_api8_security_misconfiguration_no_answer_tells_how_it_is_built(
    client: Client, phone: KnownPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("/srv/secret/path.py at 48.8534,2.3488")

    monkeypatch.setattr("api.routes.inbox.read_inbox", breaks, raising=False)
    monkeypatch.setattr("api.routes.nearby.read_around", breaks)
    answer = await client.get("/v1/nearby", params={"lat": 48.85, "lon": 2.35}, headers=phone.headers)
    assert answer.status_code == 500
    for word in ("Traceback", "RuntimeError", "secret", "48.8534", ".py", "asyncpg", "litestar"):
        assert word not in answer.text + str(answer.headers)
    for path in ("/.env", "/.git/config", "/admin", "/debug", "/schema", "/v1/../etc/passwd", "/actuator"):
        assert (await client.get(path)).status_code == 404
    assert (await client.request("TRACE", "/v1/me")).status_code in {404, 405}


# API9:2023 Improper Inventory Management ------------------------------------------------------

# Pages for people and what they are made of: no operation of the API.
PAGES = {"/", "/docs", "/openapi.json"}


def test_api9_improper_inventory_management_there_is_no_route_that_the_document_does_not_know() -> None:
    app = create_litestar(Settings(database_url="postgresql://nobody@nowhere/nothing"), Metrics())
    known = {(one.method, _bare(one.path)) for one in operations()} | {("GET", "/v1/live")}
    served = {
        (str(method), _bare(route.path_format))
        for route in app.routes
        for method in route.methods
        if method != "OPTIONS"
    }
    assert served - known == {("GET", page) for page in PAGES}
    assert known - served == set()
    assert any(one.said["operationId"] != ENDLESS for one in operations())


def test_api9_improper_inventory_management_there_is_one_version_and_it_is_in_the_path() -> None:
    unversioned = {one.path.split("/")[1] for one in operations()} - {"v1"}
    assert unversioned == {".well-known", "health", "metrics", "problems"}
    assert not [one.name for one in operations() if one.said.get("deprecated")]


async def test_api9_improper_inventory_management_the_document_is_the_one_tested(
    client: Client,
) -> None:
    assert (await client.get("/openapi.json")).json()["paths"].keys() == described()["paths"].keys()
    assert (await client.get("/v2/me")).status_code == 404
    assert (await client.get("/me")).status_code == 404


def _bare(path: str) -> str:
    """Without the types and names of parameters."""
    return "/".join("{}" if part.startswith("{") else part for part in path.rstrip("/").split("/")) or "/"


# API10:2023 Unsafe Consumption of APIs --------------------------------------------------------

HTTP_CLIENTS = {"aiohttp", "httpx", "requests", "urllib3", "http.client", "urllib.request", "smtplib"}
# It starts a server and asks it whether it is ready; nothing of it runs in one.
COMMANDS = {"api/demo.py", "api/demo_calls.py"}


def test_api10_unsafe_consumption_of_apis_the_server_calls_nobody() -> None:
    callers = {
        str(file.relative_to(CHECKOUT))
        for package in ("api", "geo", "offers")
        for file in (CHECKOUT / package).rglob("*.py")
        if HTTP_CLIENTS & set(_imported(file))
    }
    assert callers == COMMANDS


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


async def test_api10_unsafe_consumption_of_apis_data_from_elsewhere_is_checked_like_any_other(
    client: Client, pool: asyncpg.Pool, headers_of: HeadersOf
) -> None:
    manage = await headers_of("manage")
    good = {"name": "Good", "external_id": "good", "time_zone": "Europe/Paris"}
    hostile = [
        {"lon": 999.0, "lat": 48.0, **good},
        {"lon": 2.0, "lat": 48.0, **good, "opening_hours": "'; DROP TABLE sites; --"},
        {"lon": 2.0, "lat": 48.0, **good, "time_zone": "../../etc/passwd"},
        {"lon": 2.0, "lat": 48.0, **good, "name": "x" * 10_000},
        {"lon": 2.0, "lat": 48.0, **good, "name": "a\x00b"},
        {"lon": 2.0, "lat": 48.0, **good, "retailer_id": 1, "owner": "me"},
    ]
    for row in hostile:
        point = [row.pop("lon"), row.pop("lat")]
        feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": point}, "properties": row}
        body = {"type": "FeatureCollection", "features": [feature]}
        answer = await client.post("/v1/sites/import", content=json.dumps(body), headers=manage)
        if answer.status_code == 200:
            assert "owner" in row, answer.text
        else:
            assert answer.status_code == 400, answer.text
            assert answer.json()["errors"], "it says which row and why"
    assert await pool.fetchval("SELECT count(*) FROM sites WHERE name <> 'Good'") == 0


def _example(operation: Operation, tenant: Tenant | None = None) -> str:
    schemas = {one["name"]: one["schema"] for one in operation.parameters("path")}
    ids = {name: str(uuid4()) if one.get("format") == "uuid" else "1" for name, one in schemas.items()}
    return operation.path.format_map(ids | (tenant.ids if tenant else {}))
