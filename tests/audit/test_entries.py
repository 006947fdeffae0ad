"""Every change that a key makes leaves one entry, in the transaction of the change; nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api.app import create_litestar
from api.auth import create_retailer_key, requires
from api.observability import Metrics
from api.settings import Settings
from tests.audit.every_change import CHANGES, OF_THE_OPERATOR, SITE, WITHOUT_ONE, Business
from tests.http.shops import circle, client_of, soup
from tests.serving import Server


async def entry_of(sql: asyncpg.Connection, answer: httpx.Response) -> dict[str, Any] | None:
    """The only entry of this request, if it has one."""
    rows = await sql.fetch("SELECT * FROM audit_log WHERE request_id = $1", answer.headers["x-request-id"])
    assert len(rows) <= 1, rows
    return {**rows[0], "changed": msgspec.json.decode(rows[0]["changed"])} if rows else None


def keyed_changes() -> Iterator[str]:
    app = create_litestar(Settings(database_url="postgresql://nobody@nowhere/nothing"), Metrics())
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            guards = [getattr(guard, "func", guard) for guard in handler.resolve_guards()]
            roles = {guard.role for guard in guards if isinstance(guard, requires)}
            if roles - {"till"} and _is_unsafe(handler):
                yield str(handler.operation_id)


def _is_unsafe(handler: HTTPRouteHandler) -> bool:
    return bool(handler.http_methods - {"GET", "HEAD", "OPTIONS"}) and not handler.opt.get("reads_only")


def test_the_walk_knows_every_operation_that_changes_something_with_a_key() -> None:
    assert sorted(keyed_changes()) == sorted(CHANGES)


@pytest.mark.parametrize("operation", CHANGES)
async def test_every_change_leaves_an_entry(
    operation: str, business: Business, sql: asyncpg.Connection
) -> None:
    change, kind = CHANGES[operation]
    answer = await change(business)
    assert answer.is_success, answer.text
    entry = await entry_of(sql, answer)
    assert entry is not None
    assert (entry["operation"], entry["subject_kind"]) == (operation, kind)
    assert f"ak_{entry['key_id']}_" in answer.request.headers["authorization"]
    assert entry["first_key_id"] == entry["key_id"]
    whose = entry["retailer_id"]
    if operation in OF_THE_OPERATOR:
        assert whose is None
    elif operation == "addRetailer":
        assert str(whose) == entry["subject_id"] == str(answer.json()["retailer_id"])
    else:
        assert whose == business.retailer_id
    has_one_subject = operation not in WITHOUT_ONE | OF_THE_OPERATOR - {"rotateReceiptKey"}
    assert (entry["subject_id"] is not None) == has_one_subject


@pytest.mark.parametrize(
    ("operation", "table", "column"),
    [
        ("createOffer", "offers", "offer_id"),
        ("stopOffer", "offers", "offer_id"),
        ("activateOffer", "offers", "offer_id"),
        ("stopRetailer", "retailers", "retailer_id"),
        ("editFence", "fences", "fence_id"),
        ("revokeKey", "api_keys", "key_id"),
    ],
)
async def test_an_entry_is_written_in_the_transaction_of_its_effect(
    operation: str, table: str, column: str, business: Business, sql: asyncpg.Connection
) -> None:
    answer = await CHANGES[operation][0](business)
    entry = await entry_of(sql, answer)
    assert entry is not None
    same = await sql.fetchval(
        f"SELECT c.xmin::text = a.xmin::text FROM {table} c, audit_log a"
        f" WHERE c.{column}::text = $1 AND a.entry_id = $2",
        entry["subject_id"],
        entry["entry_id"],
    )
    assert same is True


async def test_an_entry_tells_what_was_before_and_after(business: Business, sql: asyncpg.Connection) -> None:
    offer = await business.offer(priority=1)
    edited = {**offer, "priority": 5, "budget": {**offer["budget"], "deliveries": 10}}
    entry = await entry_of(sql, await business.manage.put(f"/v1/offers/{offer['offer_id']}", json=edited))
    assert entry is not None
    assert entry["changed"]["priority"] == {"before": 1, "after": 5}
    budget = entry["changed"]["budget"]
    assert (budget["before"]["deliveries"], budget["after"]["deliveries"]) == (None, 10)
    assert set(entry["changed"]) == {"priority", "budget"}


async def test_a_long_value_is_named_and_not_told(business: Business, sql: asyncpg.Connection) -> None:
    fence = await business.fence()
    wider = circle(tags=["soup"], radius_m=120)
    entry = await entry_of(sql, await business.manage.put(f"/v1/fences/{fence['id']}", json=wider))
    assert entry is not None
    assert entry["changed"]["shape"] == {}
    assert entry["changed"]["radius_m"] == {"before": 80.0, "after": 120.0}


async def test_what_was_deleted_keeps_its_name_here(business: Business, sql: asyncpg.Connection) -> None:
    fence = await business.fence(external_id="door")
    entry = await entry_of(sql, await business.manage.delete(f"/v1/fences/{fence['id']}"))
    assert entry is not None
    assert entry["subject_id"] == str(fence["id"])
    assert entry["changed"] == {"name": {"before": "Around bread"}, "external_id": {"before": "door"}}


async def test_what_is_written_by_plain_sql_has_its_fields_named(
    business: Business, sql: asyncpg.Connection
) -> None:
    answer = await business.admin.post("/v1/retailers", json={"name": "Another"})
    entry = await entry_of(sql, answer)
    assert entry is not None
    assert entry["changed"] == {"name": {}}


async def test_a_rotation_tells_both_keys_and_no_secret(business: Business, sql: asyncpg.Connection) -> None:
    key_id = await business.key_id()
    answer = await business.admin.post(f"/v1/keys/{key_id}/rotate", json={"overlap_s": 60})
    made = answer.json()
    entry = await entry_of(sql, answer)
    assert entry is not None
    assert entry["subject_id"] == key_id
    assert entry["changed"]["key_id"] == {"before": key_id, "after": made["key_id"]}
    secret = made["key"].rpartition("_")[2]
    assert await sql.fetchval("SELECT count(*) FROM audit_log a WHERE a::text LIKE $1", f"%{secret}%") == 0


async def test_the_salt_of_draws_and_labels_of_keys_are_told_nowhere(
    business: Business, sql: asyncpg.Connection
) -> None:
    await business.admin.put("/v1/defaults", json={"quiet_hours": {"start": "20:00", "end": "07:30"}})
    path = f"/v1/retailers/{business.retailer_id}/keys"
    await business.admin.post(path, json={"role": "till", "label": "Maija at the counter"})
    salt = await sql.fetchval("SELECT holdout_salt FROM defaults")
    for untold in (salt, "Maija"):
        assert (
            await sql.fetchval("SELECT count(*) FROM audit_log a WHERE a::text LIKE $1", f"%{untold}%") == 0
        )


async def test_the_clock_is_told_once_however_many_steps_it_takes(
    business: Business, sql: asyncpg.Connection
) -> None:
    assert await entry_of(sql, await business.admin.post("/v1/clock/advance", json={"seconds": 600}))


async def test_a_refusal_leaves_no_entry(business: Business, sql: asyncpg.Connection) -> None:
    offer_id = (await business.offer())["offer_id"]
    refused = [
        await business.manage.post(f"/v1/offers/{offer_id}/pause"),
        await business.manage.post(f"/v1/offers/{offer_id}/stop"),
        await business.manage.put(f"/v1/offers/{offer_id}", json=soup(), headers={"if-match": '"9"'}),
        await business.manage.post("/v1/fences", json=circle(radius_m=1)),
        await business.manage.post("/v1/clock/set", json={"at": "2040-01-01T00:00:00Z"}),
        await business.admin.post("/v1/retailers/999999999/stop"),
        await business.admin.delete("/v1/keys/aaaaaaaaaaaa"),
    ]
    for answer in refused:
        assert answer.status_code >= 400, answer.request.url
        assert await entry_of(sql, answer) is None, answer.request.url


async def test_what_was_so_already_leaves_no_entry(business: Business, sql: asyncpg.Connection) -> None:
    fence, offer, cap_id = await business.fence(), await business.offer(), await business.cap()
    active, key_id = await business.active_offer(), await business.key_id()
    site = uuid4().hex
    cap = (await business.manage.get(f"/v1/caps/{cap_id}")).json()
    rows = {"type": "FeatureCollection", "features": [circle(external_id=uuid4().hex)]}
    requests: list[tuple[httpx.AsyncClient, str, str, Any]] = [
        (business.manage, "PUT", f"/v1/fences/{fence['id']}", fence),
        (business.manage, "PUT", f"/v1/offers/{offer['offer_id']}", offer),
        (business.manage, "PUT", f"/v1/caps/{cap_id}", cap),
        (business.manage, "PUT", f"/v1/sites/{site}", SITE),
        (business.manage, "POST", "/v1/fences/import", rows),
        (business.manage, "POST", f"/v1/offers/{active}/activate", None),
        (business.manage, "POST", f"/v1/offers/{active}/stop", None),
        (business.manage, "POST", f"/v1/retailers/{business.retailer_id}/stop", None),
        (business.manage, "POST", f"/v1/retailers/{business.retailer_id}/resume", None),
        (business.admin, "DELETE", f"/v1/keys/{key_id}", None),
        (business.admin, "PUT", "/v1/defaults", {"quiet_hours": {"start": "21:30", "end": "08:00"}}),
        (business.admin, "POST", "/v1/clock/tick", {"ticking": False}),
    ]
    for client, method, path, body in requests:
        answers = [await client.request(method, path, json=body) for _ in range(2)]
        assert all(answer.is_success for answer in answers), answers[-1].text
        assert await entry_of(sql, answers[1]) is None, path


async def test_a_rehearsed_import_leaves_no_entry(business: Business, sql: asyncpg.Connection) -> None:
    rows = {"type": "FeatureCollection", "features": [circle(external_id="one")]}
    answer = await business.manage.post("/v1/fences/import?dry_run=true", json=rows)
    assert answer.json()["created"] == 1
    assert await entry_of(sql, answer) is None


async def test_a_replayed_answer_leaves_no_second_entry(business: Business, sql: asyncpg.Connection) -> None:
    headers = {"idempotency-key": uuid4().hex}
    first = await business.manage.post("/v1/offers", json=soup(), headers=headers)
    again = await business.manage.post("/v1/offers", json=soup(), headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert await entry_of(sql, first) is not None
    assert await entry_of(sql, again) is None


async def test_reading_leaves_no_entry_even_by_post(business: Business, sql: asyncpg.Connection) -> None:
    for answer in (
        await business.manage.get("/v1/fences"),
        await business.manage.post("/v1/fences/lint", json=circle()),
        await business.manage.post("/v1/fences/reach", json=circle()),
    ):
        assert answer.status_code == 200, answer.text
        assert await entry_of(sql, answer) is None


async def test_a_redemption_is_its_own_record(
    business: Business, sql: asyncpg.Connection, audited_server: Server
) -> None:
    """Left out on purpose: its row names the key of the till, and tills redeem all day."""
    key = await create_retailer_key(sql, business.retailer_id, "till")
    async with client_of(audited_server, key) as till:
        headers = {"idempotency-key": uuid4().hex}
        answer = await till.post("/v1/redemptions", json={"code": "AAAAAAAAAA"}, headers=headers)
    assert answer.status_code in {400, 404}
    assert await entry_of(sql, answer) is None
