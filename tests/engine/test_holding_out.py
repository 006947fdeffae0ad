"""People who are held out so that the effect of an offer can be measured, behind the API."""

from __future__ import annotations

import asyncpg
import msgspec

from offers.engine import Engine
from offers.holdouts import lot
from tests.world import NOON, Phone, World, send


async def drawn(world: World, shop: int, *, offer_id: int | None, is_out: bool, percent: int = 50) -> Phone:
    """Somebody whom the draw holds out, or not."""
    salt = await world.sql.fetchval("SELECT holdout_salt FROM defaults")
    while True:
        customer = await world.customer(shop)
        if (lot(salt, customer, offer_id) < percent * 100) is is_out:
            return await world.phone(customer)


async def test_who_is_held_out_is_given_nothing_and_takes_no_slot(
    world: World, engine: Engine, pool: asyncpg.Pool
) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop)
    offer = await world.offer(shop, fence, holdout_percent=50, budget=10)
    phone = await drawn(world, shop, offer_id=offer, is_out=True)
    await engine.refresh()
    assert (await send(engine, phone, 0, NOON)).deliveries == []
    assert await pool.fetchval("SELECT count(*) FROM deliveries") == 0
    row = await pool.fetchrow("SELECT * FROM holdouts")
    assert (row["customer_id"], row["offer_id"], row["drawn_for"]) == (phone.customer_id, offer, "offer")
    last = msgspec.json.decode(row["trace"])[-1]
    assert (last["name"], last["passed"]) == ("holdout", False)
    assert await pool.fetchval("SELECT outcome FROM decision_counts") == "holdout"
    lease = await pool.fetchrow("SELECT * FROM budget_leases")
    assert lease is not None  # asked for, and none of it used
    assert engine.leases._held[offer].units == lease["granted"]


async def test_the_next_offer_may_win(world: World, engine: Engine, pool: asyncpg.Pool) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop)
    first = await world.offer(shop, fence, holdout_percent=50, priority=10)
    second = await world.offer(shop, fence)
    phone = await drawn(world, shop, offer_id=first, is_out=True)
    await engine.refresh()
    assert [one.offer_id for one in (await send(engine, phone, 0, NOON)).deliveries] == [second]
    assert await pool.fetchval("SELECT offer_id FROM holdouts") == first


async def test_who_is_not_drawn_is_given_it_and_the_draw_is_in_the_trace(
    world: World, engine: Engine, pool: asyncpg.Pool
) -> None:
    shop = await world.retailer()
    offer = await world.offer(shop, await world.fence(shop), holdout_percent=50)
    phone = await drawn(world, shop, offer_id=offer, is_out=False)
    await engine.refresh()
    assert len((await send(engine, phone, 0, NOON)).deliveries) == 1
    trace = msgspec.json.decode(await pool.fetchval("SELECT trace FROM deliveries"))
    assert (trace[-1]["name"], trace[-1]["passed"]) == ("holdout", True)


async def test_who_is_held_out_of_everything_is_given_nothing_at_all(
    world: World, engine: Engine, pool: asyncpg.Pool
) -> None:
    await world.sql.execute("UPDATE defaults SET holdout_percent = 50")
    shop = await world.retailer()
    fence = await world.fence(shop)
    winner = await world.offer(shop, fence, priority=1)
    await world.offer(shop, fence)
    phone = await drawn(world, shop, offer_id=None, is_out=True)
    await engine.refresh()
    assert (await send(engine, phone, 0, NOON)).deliveries == []
    row = await pool.fetchrow("SELECT offer_id, drawn_for FROM holdouts")
    assert tuple(row) == (winner, "everything")
    outcomes = await pool.fetch("SELECT outcome FROM decision_counts ORDER BY outcome")
    assert [row["outcome"] for row in outcomes] == ["holdout", "outranked"]


async def test_only_the_first_time_is_kept(world: World, engine: Engine, pool: asyncpg.Pool) -> None:
    shop = await world.retailer()
    first, second = await world.fence(shop), await world.fence(shop, north_m=1_000)
    offer = await world.offer(shop, first, holdout_percent=50, fence_ids=[first, second])
    phone = await drawn(world, shop, offer_id=offer, is_out=True)
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    kept = await pool.fetchrow("SELECT crossing_id, decided_at FROM holdouts")
    await send(engine, phone, 1_000, NOON)
    assert await pool.fetchrow("SELECT crossing_id, decided_at FROM holdouts") == kept
