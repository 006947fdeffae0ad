"""Budgets and pools of codes over HTTP: changed under load, by day and week, and codes for each customer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.http.phones import Shop as Bakery
from tests.http.phones import new_phone
from tests.http.shop_offers import NO_LIMITS, budget_of, deliver, move, put
from tests.http.shops import Shop, faults_of, shop, sql

__all__ = ["shop", "sql"]  # fixtures


async def test_a_budget_moves_by_the_difference_under_load(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = await shop.offer(budget={"deliveries": 100})
    # A worker has leased 30 units.
    await sql.execute(
        "UPDATE offer_budgets SET deliveries_available = deliveries_available - 30 WHERE offer_id = $1",
        offer["offer_id"],
    )

    await put(shop, offer, budget={"deliveries": 250})
    raised = await budget_of(sql, offer)
    await put(shop, offer, budget={"deliveries": 30})
    lowered = await budget_of(sql, offer)
    refused = await put(shop, offer, budget={"deliveries": 29}, priority=9)

    assert (raised, lowered) == ((250, 220), (30, 0))
    assert (refused.status_code, refused.json()["code"]) == (409, "budget_is_used")
    assert await budget_of(sql, offer) == (30, 0)
    assert (await shop.client.get(f"/v1/offers/{offer['offer_id']}")).json()["priority"] == 0


async def test_edits_and_leases_at_once_lose_no_unit(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = await shop.offer(budget={"deliveries": 1000})

    async def lease() -> None:
        for _ in range(40):
            await sql.execute(
                "UPDATE offer_budgets SET deliveries_available = deliveries_available - 5"
                " WHERE offer_id = $1",
                offer["offer_id"],
            )

    async def edit() -> None:
        for total in (1500, 700, 2000):
            assert (await put(shop, offer, budget={"deliveries": total})).status_code == 200

    await asyncio.gather(lease(), edit())

    assert await budget_of(sql, offer) == (2000, 2000 - 200)


async def test_a_limit_on_what_had_none_counts_what_was_given(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = await shop.offer()
    await move(shop, offer, "activate")
    lease_id = uuid4()
    await sql.execute(
        "INSERT INTO budget_leases (lease_id, offer_id, worker_id, granted, expires_at)"
        " VALUES ($1, $2, $3, 10, clock_timestamp() + interval '1 hour')",
        lease_id,
        offer["offer_id"],
        uuid4(),
    )
    for given_from in (None, None, lease_id):
        await deliver(sql, shop, offer, given_from)

    running = await put(shop, offer, budget={"deliveries": 100})
    await move(shop, offer, "stop")
    too_few = await put(shop, offer, budget={"deliveries": 11})
    enough = await put(shop, offer, budget={"deliveries": 100})

    assert (running.status_code, running.json()["code"]) == (409, "offer_is_not_stopped")
    assert too_few.status_code == 409
    assert enough.status_code == 200
    # Two given without a lease, ten in one; what comes back of it comes back later.
    assert await budget_of(sql, offer) == (100, 88)
    assert (await put(shop, offer, budget={"deliveries": None})).status_code == 200
    assert await budget_of(sql, offer) == (None, None)


async def test_a_stock_is_not_lowered_below_what_was_redeemed(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = await shop.offer(budget={"redemptions": 10})
    await sql.execute("UPDATE offer_budgets SET redeemed = 4 WHERE offer_id = $1", offer["offer_id"])

    refused = await put(shop, offer, budget={"redemptions": 3})
    lowered = await put(shop, offer, budget={"redemptions": 4})

    assert (refused.status_code, set(faults_of(refused))) == (409, {"budget.redemptions"})
    assert lowered.json()["budget"] == {**NO_LIMITS, "redemptions": 4}


async def test_an_offer_without_a_budget_row_can_be_given_one(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = await shop.offer()
    await sql.execute("DELETE FROM offer_budgets WHERE offer_id = $1", offer["offer_id"])

    read = await shop.client.get(f"/v1/offers/{offer['offer_id']}")
    edited = await put(shop, offer, budget={"deliveries": 5, "redemptions": 2})

    assert read.json()["budget"] == NO_LIMITS
    assert edited.json()["budget"] == {**NO_LIMITS, "deliveries": 5, "redemptions": 2}


# By day and week


async def by_day(sql: asyncpg.Connection, offer: dict[str, Any]) -> tuple[int | None, int | None]:
    row = await sql.fetchrow(
        "SELECT per_day, day_available FROM offer_budgets WHERE offer_id = $1", offer["offer_id"]
    )
    return row["per_day"], row["day_available"]


async def test_a_days_limit_moves_by_the_difference_and_may_fall_below_what_was_given(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    """Nothing more is given that day; raised again, not one more than it says."""
    offer = await shop.offer(budget={"per_day": 100})
    await sql.execute(
        "UPDATE offer_budgets SET day_available = day_available - 80,"
        " day_start = period_start('day', time_zone, alentour_now()) WHERE offer_id = $1",
        offer["offer_id"],
    )
    assert (await put(shop, offer, budget={"per_day": 50})).status_code == 200
    assert await by_day(sql, offer) == (50, -30)
    assert (await put(shop, offer, budget={"per_day": 90})).status_code == 200
    assert await by_day(sql, offer) == (90, 10)
    assert (await put(shop, offer, budget={})).json()["budget"] == NO_LIMITS


async def test_a_new_days_limit_counts_what_was_given_today(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = await shop.offer()
    await move(shop, offer, "activate")
    await deliver(sql, shop, offer)
    await deliver(sql, shop, offer, decided_at=datetime.now(UTC) - timedelta(days=2))
    running = await put(shop, offer, budget={"per_day": 10})
    await move(shop, offer, "stop")
    stopped = await put(shop, offer, budget={"per_day": 10})
    assert (running.status_code, faults_of(running)) == (
        409,
        {"budget.per_day": "had no such limit until now"},
    )
    assert stopped.status_code == 200
    assert await by_day(sql, offer) == (10, 9)


async def test_a_budget_needs_a_zone_that_exists(shop: Shop) -> None:
    answer = await shop.client.post(
        "/v1/offers",
        json={
            "content": {"en": {"title": "Soup", "text": "Soup"}},
            "triggers": ["enter"],
            "channel": "push",
            "fences": {"tags": ["soup"]},
            "budget": {"per_day": 3, "time_zone": "Mars/Olympus"},
        },
    )
    assert set(faults_of(answer)) == {"budget.time_zone"}


# Codes that the shop's own tills know


async def add(shop: Shop, offer: dict[str, Any], *codes: str) -> Any:
    return await shop.client.post(
        f"/v1/offers/{offer['offer_id']}/codes",
        json={"codes": list(codes)},
        headers={"idempotency-key": uuid4().hex},
    )


async def test_there_are_as_many_deliveries_as_codes(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = await shop.offer(code_format="code_128")
    assert offer["budget"]["deliveries"] == 0
    first = await add(shop, offer, "A", "B", "C", "B")
    again = await add(shop, offer, "C", "D")
    assert first.json() == {"format": "code_128", "total": 3, "claimed": 0}
    assert again.json()["total"] == 4
    assert await budget_of(sql, offer) == (4, 4)
    read = (await shop.client.get(f"/v1/offers/{offer['offer_id']}")).json()
    assert read["budget"]["deliveries"] == 4
    assert (await put(shop, read, priority=2)).status_code == 200  # as it was read
    assert (await shop.read_only.get(f"/v1/offers/{offer['offer_id']}/codes")).json()["total"] == 4


async def test_the_number_of_codes_is_not_set_by_hand(shop: Shop) -> None:
    offer = await shop.offer(code_format="qr")
    refused = await put(shop, offer, budget={"deliveries": 7})
    assert faults_of(refused) == {"budget.deliveries": "is the number of codes; add codes instead"}


async def test_codes_that_a_till_could_not_read_are_refused_one_by_one(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    offer = await shop.offer(code_format="ean_13")
    refused = await add(shop, offer, "2100000000012", "2100000000013", "12")
    assert refused.status_code == 400
    assert set(faults_of(refused)) == {"codes[1]", "codes[2]"}
    assert await budget_of(sql, offer) == (0, 0)


async def test_an_offer_with_alentours_codes_takes_none(shop: Shop) -> None:
    refused = await add(shop, await shop.offer(), "A")
    assert (refused.status_code, refused.json()["code"]) == (409, "offer_has_own_codes")


async def test_whose_codes_they_are_is_settled_in_a_draft(shop: Shop) -> None:
    offer = await shop.offer()
    await move(shop, offer, "activate")
    await move(shop, offer, "pause")
    refused = await put(shop, offer, code_format="qr")
    assert (refused.status_code, refused.json()["code"]) == (409, "offer_is_not_a_draft")


@pytest.fixture
async def bakery(rows):
    return await Bakery.opens(rows)


async def claim(phone, given):
    return await phone.post(f"/v1/deliveries/{given.delivery_id}/code")


async def test_alentours_own_code_is_shown_as_a_qr_code(http, bakery):
    phone = await new_phone(http)
    given = await bakery.gives(phone, await bakery.offers(), handed=True)
    shown = (await claim(phone, given)).json()
    assert (shown["format"], shown["payload"]) == ("qr", given.code)


async def test_every_customer_is_given_a_code_of_their_own_and_keeps_it(http, bakery, rows):
    offer_id = await bakery.offers(code_format="ean_8")
    await rows.executemany(
        "INSERT INTO offer_codes (offer_id, code) VALUES ($1, $2)",
        [(offer_id, f"code-{n}") for n in range(12)],
    )
    phones = [await new_phone(http) for _ in range(12)]
    given = [await bakery.gives(phone, offer_id, handed=True) for phone in phones]
    answers = await asyncio.gather(
        *(claim(phone, one) for phone, one in zip(phones, given, strict=True) for _ in range(3))
    )
    assert {answer.status_code for answer in answers} <= {200, 503}
    settled = [(await claim(phone, one)).json() for phone, one in zip(phones, given, strict=True)]
    assert {one["payload"] for one in settled} == {f"code-{n}" for n in range(12)}
    assert all(
        answer.json()["payload"] == settled[n // 3]["payload"]
        for n, answer in enumerate(answers)
        if answer.status_code == 200
    )


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"cancelled": True, "handed": True}, "delivery_cancelled"),
        ({"handed": False}, "delivery_not_handed"),
        ({"handed": True, "expired": True}, "code_expired"),
    ],
)
async def test_no_code_is_spent_on_what_cannot_be_used(http, bakery, rows, said, code):
    offer_id = await bakery.offers(code_format="qr")
    await rows.execute("INSERT INTO offer_codes (offer_id, code) VALUES ($1, 'only')", offer_id)
    phone = await new_phone(http)
    given = await bakery.gives(phone, offer_id, handed=said["handed"])
    if said.get("cancelled"):
        await rows.execute(
            "UPDATE deliveries SET cancelled_at = decided_at WHERE delivery_id = $1", given.delivery_id
        )
    if said.get("expired"):
        await rows.execute(
            "UPDATE deliveries SET expires_at = decided_at WHERE delivery_id = $1", given.delivery_id
        )
    refused = await claim(phone, given)
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert await rows.fetchval("SELECT claimed_at FROM offer_codes WHERE offer_id = $1", offer_id) is None


async def test_somebody_elses_delivery_has_no_code_for_me(http, bakery):
    given = await bakery.gives(await new_phone(http), await bakery.offers(), handed=True)
    assert (await claim(await new_phone(http), given)).status_code == 404
