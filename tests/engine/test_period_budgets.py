"""Budgets by day and week, and units that come back, behind the API."""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg
import pytest

from offers.buckets import BUCKETS
from offers.engine import Engine
from offers.engine.releases import release_never_claimed, release_never_handed
from tests.world import NOON, World, send, start_engine

DAY = timedelta(days=1)


async def limited(world: World, shop: int, **limits: int) -> int:
    """An offer with limits by day or week, in Helsinki."""
    offer = await world.offer(shop, await world.fence(shop))
    for period, units in limits.items():
        await world.sql.execute(
            f"UPDATE offer_budgets SET per_{period} = $2, {period}_available = $2,"
            " time_zone = 'Europe/Helsinki' WHERE offer_id = $1",
            offer,
            units,
        )
    await world.edited()
    return offer


async def people_come(world: World, engine: Engine, shop: int, n: int, at: datetime) -> int:
    """How many of `n` new people are given something."""
    await world.moves_to(at)
    given = 0
    for _ in range(n):
        phone = await world.phone(await world.customer(shop))
        given += len((await send(engine, phone, 0, at)).deliveries)
    return given


async def test_no_more_are_given_in_a_day_and_the_next_day_begins_anew(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await limited(world, shop, day=3)
    await engine.refresh()
    assert await people_come(world, engine, shop, 5, NOON) == 3
    assert await people_come(world, engine, shop, 1, NOON + timedelta(hours=11, minutes=59)) == 0
    forget_refusal(engine)
    assert await people_come(world, engine, shop, 5, NOON + timedelta(hours=12)) == 3
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == 6


def forget_refusal(engine: Engine) -> None:
    """A worker does not ask for a spent budget again for two seconds of its own time."""
    engine.leases._refused.clear()


async def test_units_leased_for_one_day_are_not_given_on_the_next(world: World, engine: Engine) -> None:
    """A lease of a minute may reach over midnight; its units were counted for the day before."""
    shop = await world.retailer()
    await limited(world, shop, day=80)
    await engine.refresh()
    midnight = NOON + timedelta(hours=12)
    assert await people_come(world, engine, shop, 1, midnight - timedelta(seconds=5)) == 1
    [lease] = await world.sql.fetch("SELECT * FROM budget_leases")
    assert (lease["granted"], lease["good_until"]) == (10, midnight)
    assert await people_come(world, engine, shop, 1, midnight + timedelta(seconds=5)) == 1
    leases = await world.sql.fetch("SELECT * FROM budget_leases ORDER BY good_until")
    assert [one["good_until"] for one in leases] == [midnight, midnight + DAY]
    used = await world.sql.fetch("SELECT lease_id, count(*) AS n FROM deliveries GROUP BY lease_id")
    assert {row["lease_id"]: row["n"] for row in used} == {one["lease_id"]: 1 for one in leases}


async def test_the_database_refuses_yesterdays_units(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    offer = await limited(world, shop, day=80)
    await engine.refresh()
    await people_come(world, engine, shop, 1, NOON)
    engine.leases._held[offer].good_until = None  # a worker that forgot
    tomorrow = NOON + DAY
    assert await people_come(world, engine, shop, 1, tomorrow) == 1
    rows = await world.sql.fetch(
        "SELECT d.decided_at, l.day_start FROM deliveries d JOIN budget_leases l USING (lease_id)"
    )
    assert all(timedelta(0) <= row["decided_at"] - row["day_start"] < DAY for row in rows)


async def test_a_day_a_week_and_all_in_all_hold_together(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    offer = await limited(world, shop, day=3, week=5)
    await world.sql.execute(
        "UPDATE offer_budgets SET deliveries_total = 7, deliveries_available = 7 WHERE offer_id = $1", offer
    )
    await engine.refresh()
    thursday = NOON
    given = []
    for day in range(6):  # Thursday to Tuesday
        forget_refusal(engine)
        given.append(await people_come(world, engine, shop, 4, thursday + day * DAY))
    assert given == [3, 2, 0, 0, 2, 0]


async def test_two_workers_never_pass_a_days_limit(world: World, engine: Engine, pool: asyncpg.Pool) -> None:
    other = start_engine(pool)
    await other.start()
    try:
        shop = await world.retailer()
        await limited(world, shop, day=5)
        await engine.refresh()
        await other.refresh()
        given = 0
        for _ in range(6):
            for worker in (engine, other):
                forget_refusal(worker)
                given += await people_come(world, worker, shop, 1, NOON)
        assert given == 5
    finally:
        await other.stop()


@pytest.mark.parametrize("ending", ["cancelled", "expired"])
async def test_what_no_phone_was_given_goes_back_to_the_budget(
    world: World, engine: Engine, ending: str
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), budget=2)
    await engine.refresh()
    assert await people_come(world, engine, shop, 3, NOON) == 2
    change = "cancelled_at = decided_at" if ending == "cancelled" else "expires_at = decided_at"
    await world.sql.execute(
        f"UPDATE deliveries SET handed_at = NULL, {change}"
        " WHERE delivery_id = (SELECT delivery_id FROM deliveries LIMIT 1)"
    )
    assert await released(world) == 1
    assert await released(world) == 0
    await end_leases(world, engine)
    assert await world.sql.fetchval("SELECT deliveries_available FROM offer_budgets") == 1
    forget_refusal(engine)
    assert await people_come(world, engine, shop, 3, NOON) == 1


async def test_a_unit_goes_back_once_also_when_its_lease_ended_before(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await limited(world, shop, day=2, week=9)
    await engine.refresh()
    assert await people_come(world, engine, shop, 3, NOON) == 2
    await end_leases(world, engine)
    await world.sql.execute("UPDATE deliveries SET handed_at = NULL, cancelled_at = decided_at")
    assert await released(world) == 2
    row = await world.sql.fetchrow("SELECT day_available, week_available FROM offer_budgets")
    assert tuple(row) == (2, 9)


async def test_a_unit_of_another_day_does_not_come_back_to_this_one(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await limited(world, shop, day=2)
    await engine.refresh()
    assert await people_come(world, engine, shop, 2, NOON) == 2
    await end_leases(world, engine)
    forget_refusal(engine)
    assert await people_come(world, engine, shop, 1, NOON + DAY) == 1
    await world.sql.execute(
        "UPDATE deliveries SET handed_at = NULL, cancelled_at = decided_at WHERE decided_at = $1", NOON
    )
    assert await released(world) == 2
    await end_leases(world, engine)
    assert await world.sql.fetchval("SELECT day_available FROM offer_budgets") == 1


async def test_what_a_phone_was_given_stays_spent(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), budget=2)
    await engine.refresh()
    await people_come(world, engine, shop, 2, NOON)
    await world.sql.execute("UPDATE deliveries SET cancelled_at = decided_at")
    assert await released(world) == 0


async def test_a_pooled_code_that_nobody_asked_for_in_time_can_be_given_again(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    offer = await world.offer(shop, await world.fence(shop), budget=2, code_format="qr")
    await engine.refresh()
    assert await people_come(world, engine, shop, 2, NOON) == 2
    claimed = await world.sql.fetchrow("SELECT bucket, customer_id, delivery_id FROM deliveries LIMIT 1")
    await world.sql.execute(
        "INSERT INTO offer_codes (offer_id, code, bucket, customer_id, delivery_id, claimed_at)"
        " VALUES ($1, 'A', $2, $3, $4, $5), ($1, 'B', NULL, NULL, NULL, NULL)",
        offer,
        *claimed,
        NOON,
    )
    await world.sql.execute("UPDATE deliveries SET expires_at = decided_at")
    released_units = [await release_never_claimed(world.sql, bucket) for bucket in range(BUCKETS)]
    assert sum(released_units) == 1
    await end_leases(world, engine)
    assert await world.sql.fetchval("SELECT deliveries_available FROM offer_budgets") == 1


async def released(world: World) -> int:
    return sum([await release_never_handed(world.sql, bucket) for bucket in range(BUCKETS)])


async def end_leases(world: World, engine: Engine) -> None:
    """As if a minute and a half had passed on the machine."""
    await world.sql.execute("UPDATE budget_leases SET expires_at = '2000-01-01'")
    for offer_id in list(engine.leases._held):
        engine.leases.abandon(offer_id)
    await engine.leases.return_expired()
    forget_refusal(engine)
