"""Offers that wait for the end of somebody's quiet hours, behind the API."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from offers.engine import Engine
from tests.world import NOON, Phone, World, send

SIESTA = {"quiet_start": time(11), "quiet_end": time(14)}  # NOON is 12:00 in Helsinki
AWAKE = NOON + timedelta(hours=2, minutes=31)  # 14:31: everything is let go


async def sleeper(world: World, *shops: int, **columns: Any) -> Phone:
    return await world.phone(await world.customer(*shops, **{**SIESTA, **columns}))


async def reasons(world: World) -> dict[tuple[str, str], int]:
    rows = await world.sql.fetch(
        "SELECT moment, outcome, sum(n)::integer AS n FROM decision_counts GROUP BY moment, outcome"
    )
    return {(row["moment"], row["outcome"]): row["n"] for row in rows}


async def held(world: World) -> list[int]:
    rows = await world.sql.fetch("SELECT offer_id FROM held_offers ORDER BY offer_id")
    return [row["offer_id"] for row in rows]


async def wakes_up(world: World, engine: Engine, at: datetime = AWAKE) -> list[int]:
    """The offers that have been given once it is that late."""
    await world.moves_to(at)
    await engine.settle()
    rows = await world.sql.fetch("SELECT offer_id FROM deliveries ORDER BY offer_id")
    return [row["offer_id"] for row in rows]


async def test_a_held_offer_is_given_when_the_quiet_hours_are_over(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    offer = await world.offer(shop, await world.fence(shop), when_quiet="hold")
    phone = await sleeper(world, shop)
    await engine.refresh()
    assert (await send(engine, phone, 0, NOON)).deliveries == []
    assert await held(world) == [offer]
    assert await wakes_up(world, engine, NOON + timedelta(hours=1, minutes=59)) == []
    assert await wakes_up(world, engine) == [offer]
    assert await held(world) == []
    assert await reasons(world) == {("crossing", "held"): 1, ("letting_go", "delivered"): 1}
    delivery = await world.sql.fetchrow("SELECT * FROM deliveries")
    assert delivery["handed_at"] is None  # the live stream and the inbox hand it over
    assert time(14) <= (delivery["decided_at"] + timedelta(hours=3)).time()


async def test_an_offer_is_dropped_in_quiet_hours_unless_it_says_otherwise(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    phone = await sleeper(world, shop)
    await engine.refresh()
    assert (await send(engine, phone, 0, NOON)).deliveries == []
    assert await held(world) == []
    assert await wakes_up(world, engine) == []
    assert await reasons(world) == {("crossing", "quiet_hours"): 1}


async def test_a_silent_offer_goes_to_the_inbox_in_quiet_hours(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), when_quiet="inbox_only")
    customer = await world.customer(shop, **SIESTA)
    await world.sql.execute("UPDATE customers SET grants = grants || $1::text", f"marketing:{shop}:inbox")
    phone = await world.phone(customer)
    await engine.refresh()
    [told] = (await send(engine, phone, 0, NOON)).deliveries
    assert told.channel == "inbox"
    assert await world.sql.fetchval("SELECT channel FROM deliveries") == "inbox"


async def withdraw(world: World, _: dict[str, Any]) -> None:
    await world.sql.execute("UPDATE customers SET grants = '{location_offers}'")


async def spend_the_cap(world: World, at: dict[str, Any]) -> None:
    await world.cap(0)


async def stop(world: World, _: dict[str, Any]) -> None:
    await world.sql.execute("UPDATE offers SET stopped_at = alentour_now(), stopped_by = 'retailer'")
    await world.sql.execute("UPDATE config_version SET stop_version = stop_version + 1")


async def end_the_schedule(world: World, _: dict[str, Any]) -> None:
    await world.sql.execute("UPDATE offers SET ends_at = $1", NOON + timedelta(hours=1))
    await world.edited()


async def empty_the_stock(world: World, _: dict[str, Any]) -> None:
    await world.sql.execute("UPDATE offer_budgets SET redemptions_total = 0")
    await world.edited()


async def end(world: World, _: dict[str, Any]) -> None:
    await world.sql.execute("UPDATE offers SET status = 'ended'")
    await world.edited()


async def delete_the_fence(world: World, at: dict[str, Any]) -> None:
    await world.sql.execute("DELETE FROM fences WHERE fence_id = $1", at["fence"])
    await world.edited()


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (withdraw, "no_consent"),
        (spend_the_cap, "frequency_cap"),
        (stop, "stopped"),
        (end_the_schedule, "not_scheduled"),
        (empty_the_stock, "budget_spent"),
        (end, "not_active"),
        (delete_the_fence, "fence_inactive"),
    ],
)
async def test_everything_is_asked_again_when_it_is_let_go(
    world: World, engine: Engine, meanwhile: Any, reason: str
) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop)
    await world.offer(shop, fence, when_quiet="hold", stock=5)
    phone = await sleeper(world, shop)
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    await meanwhile(world, {"fence": fence})
    assert await wakes_up(world, engine) == []
    assert await held(world) == []
    assert await reasons(world) == {("crossing", "held"): 1, ("letting_go", reason): 1}


@pytest.mark.parametrize(("stays", "given"), [(True, 1), (False, 0)])
async def test_presence_is_asked_where_the_offer_needs_it(
    world: World, engine: Engine, *, stays: bool, given: int
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), when_quiet="hold", needs_presence=True)
    phone = await sleeper(world, shop)
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    await world.sql.execute("UPDATE held_offers SET due_at = $1", AWAKE)
    for minutes in (25, 50, 75, 100, 125, 150) if stays else ():  # the last time a minute before
        at = NOON + timedelta(minutes=minutes)
        await world.moves_to(at)
        await send(engine, phone, 1, at)
    assert len(await wakes_up(world, engine)) == given
    outcome = "delivered" if stays else "not_present"
    assert (await reasons(world))["letting_go", outcome] == 1


async def test_nothing_piles_up_one_is_given_and_the_others_are_dropped(world: World, engine: Engine) -> None:
    await world.has_no_caps()
    shops = [await world.retailer() for _ in range(4)]
    for n, shop in enumerate(shops):
        await world.offer(shop, await world.fence(shop, north_m=1_000.0 * n), when_quiet="hold")
    phone = await sleeper(world, *shops)
    await engine.refresh()
    for n in range(4):
        at = NOON + timedelta(minutes=10 * n)
        await world.moves_to(at)
        await send(engine, phone, 1_000 * n, at)
    assert len(await held(world)) == 4
    assert len(await wakes_up(world, engine)) == 1
    assert await held(world) == []
    assert (await reasons(world))["letting_go", "outranked"] == 3


async def test_one_offer_is_held_once_however_often_its_fences_are_crossed(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    first, second = await world.fence(shop), await world.fence(shop, north_m=1_000)
    await world.offer(shop, first, when_quiet="hold", fence_ids=[first, second])
    phone = await sleeper(world, shop)
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    later = NOON + timedelta(minutes=10)
    await world.moves_to(later)
    await send(engine, phone, 1_000, later)
    assert (await reasons(world))["crossing", "already_held"] == 1
    row = await world.sql.fetchrow("SELECT * FROM held_offers")
    assert row["fence_id"] == first


async def test_what_was_given_on_the_way_is_not_given_again_when_it_is_let_go(
    world: World, engine: Engine
) -> None:
    """The quiet hours are over, but this one waits for its turn; meanwhile its other fence is crossed."""
    await world.has_no_caps()
    shop = await world.retailer()
    first, second = await world.fence(shop), await world.fence(shop, north_m=1_000)
    offer = await world.offer(shop, first, when_quiet="hold", fence_ids=[first, second])
    phone = await sleeper(world, shop)
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    turn, crossed = (NOON + timedelta(hours=2, minutes=minutes) for minutes in (29, 5))
    await world.sql.execute("UPDATE held_offers SET due_at = $1", turn)
    await world.moves_to(crossed)
    assert [one.offer_id for one in (await send(engine, phone, 1_000, crossed)).deliveries] == [offer]
    assert await wakes_up(world, engine) == [offer]
    assert await held(world) == []
    assert (await reasons(world))["letting_go", "outranked"] == 1


async def test_people_are_let_go_spread_over_half_an_hour(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), when_quiet="hold")
    phones = [await sleeper(world, shop) for _ in range(40)]
    await engine.refresh()
    for phone in phones:
        await send(engine, phone, 0, NOON)
    due = [row["due_at"] for row in await world.sql.fetch("SELECT due_at FROM held_offers")]
    end = NOON + timedelta(hours=2)
    assert all(end <= at < end + timedelta(minutes=30) for at in due)
    assert max(due) - min(due) > timedelta(minutes=15)


async def test_quiet_hours_that_were_made_longer_hold_it_once_more(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    offer = await world.offer(shop, await world.fence(shop), when_quiet="hold")
    phone = await sleeper(world, shop)
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    await world.sql.execute("UPDATE customers SET quiet_end = '18:00'")
    assert await wakes_up(world, engine) == []
    assert await held(world) == [offer]
    assert await wakes_up(world, engine, NOON + timedelta(hours=6, minutes=31)) == [offer]
    assert await reasons(world) == {("crossing", "held"): 1, ("letting_go", "delivered"): 1}


async def test_what_is_given_now_leaves_nothing_to_be_held(world: World, engine: Engine) -> None:
    """One winner for a fix: a silent one wins against one that would have to wait."""
    shop, other = await world.retailer(), await world.retailer()
    await world.offer(shop, await world.fence(shop), when_quiet="hold")
    silent = await world.offer(other, await world.fence(other), channel="inbox", when_quiet="inbox_only")
    customer = await world.customer(shop, **SIESTA)
    await world.sql.execute("UPDATE customers SET grants = grants || $1::text", f"marketing:{other}:inbox")
    phone = await world.phone(customer)
    await engine.refresh()
    assert [one.offer_id for one in (await send(engine, phone, 0, NOON)).deliveries] == [silent]
    assert await held(world) == []
    assert (await reasons(world))["crossing", "outranked"] == 1


async def test_a_worker_behind_on_the_configuration_leaves_a_held_offer_for_later(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop)
    await engine.refresh()
    offer = await world.offer(shop, fence, when_quiet="hold")
    phone = await sleeper(world, shop)
    await world.sql.execute(
        "INSERT INTO held_offers (bucket, customer_id, offer_id, device_id, fence_id, crossing_id, trigger,"
        " crossed_at, held_at, due_at) VALUES ($1, $2, $3, $4, $5, $6, 'enter', $7, $7, $8)",
        phone.bucket,
        phone.customer_id,
        offer,
        phone.device_id,
        fence,
        UUID(int=1),
        NOON,
        NOON + timedelta(hours=2),
    )
    await world.moves_to(AWAKE)
    await engine.sweeper.fire_due()
    if await held(world):  # unless it has heard of the edit in the meantime
        await engine.settle()
    assert await wakes_up(world, engine) == [offer]
