"""Fences that are edited while phones are in them, and workers that have not heard of it yet."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from offers.engine import Engine
from tests.world import NOON, World, send, start_engine


async def a_dwell_offer(world: World, dwell_s: int) -> int:
    """An offer of a shop whose fence asks for that dwell; returns the shop."""
    shop = await world.retailer()
    fence = await world.fence(shop, dwell_s=dwell_s)
    await world.offer(shop, fence, trigger="dwell", channel="inbox")
    return shop


async def deliveries(world: World) -> int:
    count: int = await world.sql.fetchval("SELECT count(*) FROM deliveries")
    return count


async def edit(world: World, change: str) -> None:
    """As the API edits: every edit raises the revision."""
    await world.sql.execute(f"UPDATE fences SET {change}, revision = revision + 1")
    await world.edited()


@pytest.mark.parametrize("is_heard_between", [False, True])
async def test_a_dwell_time_that_was_made_longer_is_waited_for(
    world: World, engine: Engine, is_heard_between: bool
) -> None:
    shop = await a_dwell_offer(world, dwell_s=60)
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    await edit(world, "dwell_s = 300")
    await world.moves_to(NOON + timedelta(seconds=61))
    await engine.settle()
    if is_heard_between:
        await world.moves_to(NOON + timedelta(seconds=75))
        await send(engine, phone, 0, NOON + timedelta(seconds=75))
    assert await deliveries(world) == 0
    await world.moves_to(NOON + timedelta(seconds=301))
    await engine.settle()
    assert await deliveries(world) == 1


async def test_a_dwell_time_that_was_made_shorter_holds_from_the_next_fix(
    world: World, engine: Engine
) -> None:
    shop = await a_dwell_offer(world, dwell_s=600)
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    await edit(world, "dwell_s = 120")
    await engine.refresh()
    await world.moves_to(NOON + timedelta(seconds=15))
    await send(engine, phone, 0, NOON + timedelta(seconds=15))
    await world.moves_to(NOON + timedelta(seconds=121))
    await engine.settle()
    assert await deliveries(world) == 1


async def test_a_fence_that_is_renamed_keeps_its_visits(world: World, engine: Engine) -> None:
    shop = await a_dwell_offer(world, dwell_s=180)
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    await edit(world, "name = 'Other'")
    await world.moves_to(NOON + timedelta(seconds=181))
    await engine.settle()
    assert await deliveries(world) == 1


async def test_a_silent_phone_does_not_dwell_in_a_shape_it_was_not_seen_in(
    world: World, engine: Engine
) -> None:
    shop = await a_dwell_offer(world, dwell_s=180)
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    away = "shape = ST_Translate(shape, 0, 1), centre = ST_Translate(centre, 0, 1)"
    await edit(world, f"{away}, shape_revision = revision + 1")
    await world.moves_to(NOON + timedelta(seconds=181))
    await engine.settle()
    assert await deliveries(world) == 0
    assert await world.sql.fetchval("SELECT count(*) FROM timers") == 0


async def test_a_worker_that_has_not_heard_of_a_fence_does_not_end_a_visit(
    world: World, engine: Engine, pool: asyncpg.Pool
) -> None:
    await world.has_no_caps()
    behind = await _deaf_engine(pool)
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    given = []
    for number, worker in enumerate((engine, behind, engine)):
        at = NOON + timedelta(seconds=15 * number)
        await world.moves_to(at)
        given.append(len((await send(worker, phone, 0, at)).deliveries))
    await behind.stop()
    assert given == [1, 0, 0]


async def test_a_worker_that_has_not_heard_of_a_fence_leaves_its_timer(
    world: World, engine: Engine, pool: asyncpg.Pool
) -> None:
    behind = await _deaf_engine(pool)
    shop = await a_dwell_offer(world, dwell_s=180)
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    await world.moves_to(NOON + timedelta(seconds=181))
    assert await behind.sweeper.fire_due() == 0
    await behind.stop()
    await engine.settle()
    assert await deliveries(world) == 1


async def test_an_edit_is_heard_of_before_anybody_looks(
    world: World, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offers.engine.engine.LOOK_FOR_EDITS_EVERY_S", 3_600.0)
    engine = start_engine(pool)
    await engine.start()
    await world.fence(await world.retailer())
    async with asyncio.timeout(20):
        while not engine.snapshot.fences:
            await pool.execute("NOTIFY alentour_config")
            await asyncio.sleep(0.02)
    await engine.stop()


async def test_an_engine_whose_connections_were_cut_still_stops(world: World, pool: asyncpg.Pool) -> None:
    engine = start_engine(pool)
    await engine.start()
    await asyncio.sleep(0.1)  # it listens
    listening = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    pids = [row["pid"] for row in await pool.fetch(listening)]
    assert pids
    for holder in pool._holders:
        if holder._con is not None and holder._con.get_server_pid() in pids:
            holder._con.terminate()
    async with asyncio.timeout(10):
        await engine.stop()


async def _deaf_engine(pool: asyncpg.Pool) -> Engine:
    """A worker whose next look at the configuration is late."""
    engine = start_engine(pool)
    await engine.start()
    assert engine._refresher is not None
    engine._refresher.cancel()
    return engine


async def test_a_fence_whose_site_is_found_to_be_sensitive_follows_nobody_any_more(
    world: World, engine: Engine, pool: asyncpg.Pool
) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop)
    await world.offer(shop, fence)
    phone = await world.phone(await world.customer(shop))
    await pool.execute('UPDATE sites SET tags = \'{"amenity": "clinic"}\'')
    await world.edited()
    await engine.refresh()
    for step, north_m in enumerate((300, 20, 0)):
        at = NOON + timedelta(seconds=15 * step)
        await world.moves_to(at)
        answer = await send(engine, phone, north_m, at)
        assert (answer.crossings, answer.deliveries) == ([], [])
