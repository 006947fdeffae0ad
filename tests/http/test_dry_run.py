"""What would be decided: for an invented person, and for an admin about a real one; nothing is written."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest

from offers.terms import Reason
from tests.http.phones import Shop as Bakery
from tests.http.phones import new_phone
from tests.http.shop_offers import move
from tests.http.shops import Shop, admin, faults_of, other_shop, shop, sql

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures

DAY = "2026-06-10T10:00:00Z"  # a Wednesday, noon in Paris
NIGHT = "2026-06-10T21:00:00Z"  # 23:00 there
AWAKE = {"quiet_hours": {"start": "00:00", "end": "00:00"}}


async def running(shop: Shop, **said: Any) -> dict[str, Any]:
    offer = await shop.offer(**said)
    return (await move(shop, offer, "activate")).json()


async def tried(
    shop: Shop, fence_id: int, *, at: str = DAY, person: Any = None, **more: Any
) -> httpx.Response:
    body = {"fence_id": fence_id, "at": at, "person": person or {}, **more}
    return await shop.read_only.post("/v1/dry-run", json=body)


def failed(answer: httpx.Response, offer: dict[str, Any]) -> list[str]:
    assert answer.status_code == 200, answer.text
    [one] = [said for said in answer.json()["offers"] if said["offer_id"] == offer["offer_id"]]
    return [rule["name"] for rule in one["rules"] if not rule["passed"]]


async def test_an_offer_that_would_be_given_wins_and_every_rule_is_told(shop: Shop) -> None:
    fence_id = await shop.fence(tags=["soup"])
    offer = await running(shop)
    answer = await tried(shop, fence_id)
    [said] = answer.json()["offers"]
    assert (answer.json()["winner"], said["reason"], said["is_tied"]) == (
        offer["offer_id"],
        "delivered",
        True,
    )
    names = {rule["name"] for rule in said["rules"]}
    assert names >= {"stopped", "not_active", "no_consent", "minor", "quiet_hours", "frequency_cap"}
    assert all(rule["text"] for rule in said["rules"])


@pytest.mark.parametrize(
    ("person", "at", "offer", "reason"),
    [
        ({"grants": {"marketing": []}}, DAY, {}, "no_consent"),
        ({"age_band": "15_17"}, DAY, {}, "minor"),
        ({}, NIGHT, {}, "quiet_hours"),
        ({"language": "fr"}, DAY, {"audience": {"languages": ["en"]}}, "audience"),
        (
            {"grants": {"personalisation": True}, "stays": ["2026-06-01T10:00:00Z"]},
            DAY,
            {"audience": {"visits": {"at_most": 0}, "if_not_known": "include"}},
            "audience",
        ),
        ({}, DAY, {"schedule": {"weekly_hours": "Sa 10:00-12:00"}}, "not_scheduled"),
        ({}, DAY, {"budget": {"deliveries": 0}}, "budget_spent"),
    ],
)
async def test_what_stands_against_an_invented_person_is_told(
    shop: Shop, person: Any, at: str, offer: Any, reason: str
) -> None:
    fence_id = await shop.fence(tags=["soup"])
    made = await running(shop, **offer)
    answer = await tried(shop, fence_id, at=at, person=person)
    assert failed(answer, made) == [reason]
    assert answer.json()["winner"] is None


async def test_what_was_given_before_counts_for_limits(shop: Shop) -> None:
    fence_id = await shop.fence(tags=["soup"])
    offer = await running(shop, limits={"per_customer": {"at_most": 1, "days": 7}})
    before = [{"offer_id": offer["offer_id"], "decided_at": "2026-06-10T08:00:00Z"}]
    answer = await tried(shop, fence_id, person={"history": before})
    assert set(failed(answer, offer)) == {"customer_limit", "frequency_cap"}


async def test_a_held_offer_says_until_when_and_a_silent_one_goes_to_the_inbox(shop: Shop) -> None:
    fence_id = await shop.fence(tags=["soup"])
    waits = await running(shop, quiet_hours={"when_quiet": "hold"})
    silent = await running(shop, quiet_hours={"when_quiet": "inbox_only"})
    answer = (await tried(shop, fence_id, at=NIGHT)).json()
    held, whispered = answer["offers"]
    assert (held["offer_id"], held["reason"]) == (waits["offer_id"], "held")
    assert "2026-06-11T06:00:00" <= held["hold_until"] < "2026-06-11T06:30:00"
    assert (whispered["channel"], answer["winner"]) == ("inbox", silent["offer_id"])


async def test_a_draft_can_be_tried_and_so_can_an_offer_that_is_tied_elsewhere(shop: Shop) -> None:
    fence_id = await shop.fence(tags=["other"])
    draft = await shop.offer()
    answer = await tried(shop, fence_id, offer_ids=[draft["offer_id"]])
    [said] = answer.json()["offers"]
    assert (said["status"], said["is_tied"], said["reason"]) == ("draft", False, Reason.NOT_ACTIVE)


async def test_a_position_stands_for_the_smallest_fence_that_covers_it(shop: Shop) -> None:
    await shop.fence(tags=["soup"], radius_m=500)
    small = await shop.fence(tags=["soup"], radius_m=50)
    body = {"lat": 60.1646, "lon": 24.9385, "at": DAY, "person": {}}
    assert (await shop.client.post("/v1/dry-run", json=body)).json()["fence_id"] == small
    away = await shop.client.post("/v1/dry-run", json={**body, "lat": 10.0})
    assert away.status_code == 400


async def test_nothing_is_written_about_an_invented_person(shop: Shop, sql: asyncpg.Connection) -> None:
    fence_id = await shop.fence(tags=["soup"])
    await running(shop, budget={"deliveries": 5})
    before = await counted(sql)
    assert (await tried(shop, fence_id)).status_code == 200
    assert await counted(sql) == before


async def counted(sql: asyncpg.Connection) -> dict[str, int]:
    tables = await sql.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    return {one["name"]: await sql.fetchval(f"SELECT count(*) FROM {one['name']}") for one in tables}


async def test_an_admin_asks_about_a_real_customer_and_says_why(
    http: httpx.AsyncClient, admin: httpx.AsyncClient, rows: asyncpg.Pool
) -> None:
    bakery = await Bakery.opens(rows)
    offer_id = await bakery.offers()
    phone = await new_phone(http)
    await phone.consents_to(bakery.retailer_id)
    body = {"fence_id": bakery.fence_id, "at": DAY, "customer_id": phone.customer_id}
    whose = {"retailer_id": bakery.retailer_id}
    silent = await admin.post("/v1/dry-run", json=body, params=whose)
    assert set(faults_of(silent)) == {"reason"}
    why = "No offer ever arrives, they wrote."
    answer = await admin.post("/v1/dry-run", json={**body, "reason": why}, params=whose)
    assert (answer.status_code, answer.json()["winner"]) == (200, offer_id), answer.text
    [look] = (await phone.get("/v1/me/export")).json()["person"]["audit"]
    assert look["reason"] == why
    [entry] = [
        one
        for one in (await admin.get("/v1/audit", params=whose)).json()["items"]
        if one["operation"] == "dryRun"
    ]
    assert entry["reason"] == why
    assert phone.customer_id not in str(entry)


async def test_a_retailer_asks_about_nobody_real(
    http: httpx.AsyncClient, shop: Shop, sql: asyncpg.Connection
) -> None:
    fence_id = await shop.fence()
    phone = await new_phone(http)
    body = {"fence_id": fence_id, "customer_id": phone.customer_id, "reason": "Just curious, really."}
    assert (await shop.client.post("/v1/dry-run", json=body)).status_code == 403
    assert await sql.fetchval("SELECT count(*) FROM customer_looks WHERE customer_id = $1", phone.key[1]) == 0


async def test_another_tenants_fences_and_offers_are_not_there(shop: Shop, other_shop: Shop) -> None:
    theirs = await other_shop.fence(tags=["soup"])
    offer = await other_shop.offer()
    assert (await tried(shop, theirs)).status_code == 404
    own = await shop.fence(tags=["soup"])
    assert (await tried(shop, own, offer_ids=[offer["offer_id"]])).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lat": 1.0, "lon": 2.0}, "fence_id"),
        ({"fence_id": None}, "fence_id"),
        ({"person": None}, "person"),
        ({"person": {"time_zone": "Mars/Olympus"}}, "person.time_zone"),
        ({"person": {"quiet_hours": {"start": "25:00", "end": "08:00"}}}, "person.quiet_hours"),
    ],
)
async def test_what_cannot_be_tried_is_refused_by_its_field(shop: Shop, change: Any, field: str) -> None:
    body = {"fence_id": await shop.fence(), "person": {}, **change}
    refused = await shop.client.post("/v1/dry-run", json=body)
    assert (refused.status_code, set(faults_of(refused))) == (400, {field})
