"""What is too old is forgotten, by the domain's clock, and nothing younger."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from offers.buckets import bucket_of
from offers.engine import sweeper
from offers.engine.retention import Forgotten, forget
from offers.periods import CROSSINGS_KEPT, LINK_CODES_KEPT, REASONS_KEPT
from tests.concurrency.waiting import until_blocked
from tests.world import World, start_engine

# Far from the machine's time in both directions, so that only the domain's clock can be meant.
NOW = datetime(2031, 6, 4, 9, 0, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
TRACE = json.dumps([{"name": "stopped", "passed": True, "numbers": {}}])


@pytest.fixture
async def world(pool: asyncpg.Pool) -> World:
    world = World(pool)
    await world.stands_still_at(NOW)
    return world


async def crossed(world: World, customer_id: UUID, at: datetime) -> UUID:
    crossing_id: UUID = await world.sql.fetchval(
        "INSERT INTO crossings (bucket, customer_id, crossing_id, device_id, fence_id, retailer_id, kind,"
        " confidence, occurred_at, recorded_at)"
        " VALUES ($1, $2, $3, $4, 1, 1, 'enter', 0.9, $5, $5) RETURNING crossing_id",
        bucket_of(customer_id),
        customer_id,
        uuid4(),
        uuid4(),
        at,
    )
    return crossing_id


async def was_given(world: World, customer_id: UUID, at: datetime, seq: int = 1) -> UUID:
    delivery_id: UUID = await world.sql.fetchval(
        "INSERT INTO deliveries (bucket, customer_id, delivery_id, seq, device_id, offer_id, retailer_id,"
        " fence_id, crossing_id, trigger, channel, tags, counts_toward_caps, content, code, trace,"
        " decided_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, 1, 1, 1, $6, 'enter', 'push', '{}', true, '{}', $7, $8, $9, $9)"
        " RETURNING delivery_id",
        bucket_of(customer_id),
        customer_id,
        uuid4(),
        seq,
        uuid4(),
        uuid4(),
        uuid4().hex[:10],
        TRACE,
        at,
    )
    return delivery_id


async def has_link_code(world: World, customer_id: UUID, code_id: str, expires_at: datetime) -> None:
    await world.sql.execute(
        "INSERT INTO link_codes (bucket, code_id, customer_id, secret_hash, expires_at)"
        " VALUES ($1, $2, $3, '', $4)",
        bucket_of(customer_id),
        code_id,
        customer_id,
        expires_at,
    )


async def test_crossings_are_deleted_after_their_period(pool: asyncpg.Pool, world: World) -> None:
    customer_id = await world.customer()
    await crossed(world, customer_id, NOW - CROSSINGS_KEPT - A_SECOND)
    young = await crossed(world, customer_id, NOW - CROSSINGS_KEPT)
    assert (await forget(pool)).crossings == 1
    assert [row["crossing_id"] for row in await pool.fetch("SELECT crossing_id FROM crossings")] == [young]


async def test_reasons_are_forgotten_and_the_delivery_stays(pool: asyncpg.Pool, world: World) -> None:
    customer_id = await world.customer()
    old = await was_given(world, customer_id, NOW - REASONS_KEPT - A_SECOND, seq=1)
    young = await was_given(world, customer_id, NOW - REASONS_KEPT, seq=2)
    before = await pool.fetchrow("SELECT * FROM deliveries WHERE delivery_id = $1", old)
    assert (await forget(pool)).reasons == 1
    after = await pool.fetchrow("SELECT * FROM deliveries WHERE delivery_id = $1", old)
    assert dict(after) == dict(before) | {"trace": "[]"}
    assert await pool.fetchval("SELECT trace FROM deliveries WHERE delivery_id = $1", young) == TRACE


async def test_link_codes_go_a_day_after_their_end(pool: asyncpg.Pool, world: World) -> None:
    customer_id = await world.customer()
    await has_link_code(world, customer_id, "0LDX", NOW - LINK_CODES_KEPT - A_SECOND)
    await has_link_code(world, customer_id, "Y0NG", NOW - LINK_CODES_KEPT)
    assert (await forget(pool)).link_codes == 1
    assert await pool.fetchval("SELECT array_agg(code_id) FROM link_codes") == ["Y0NG"]


async def test_small_pieces_forget_all_of_it_and_a_second_round_nothing(
    pool: asyncpg.Pool, world: World
) -> None:
    long_ago = NOW - timedelta(days=400)
    for customer_id in [await world.customer() for _ in range(3)]:
        for number in range(5):
            await crossed(world, customer_id, long_ago)
            await was_given(world, customer_id, long_ago, seq=number)
    assert await forget(pool, at_once=2) == Forgotten(crossings=15, reasons=15, link_codes=0)
    assert await forget(pool) == Forgotten(0, 0, 0)


async def test_nothing_goes_before_the_simulated_clock_moves(pool: asyncpg.Pool, world: World) -> None:
    customer_id = await world.customer()
    await crossed(world, customer_id, NOW)
    await was_given(world, customer_id, NOW)
    await has_link_code(world, customer_id, "C0DE", NOW)
    assert await forget(pool) == Forgotten(0, 0, 0)
    await world.moves_to(NOW + REASONS_KEPT + A_SECOND)
    assert await forget(pool) == Forgotten(1, 1, 1)


async def test_emptying_a_trace_waits_for_the_writer_of_its_customer(
    pool: asyncpg.Pool, world: World
) -> None:
    customer_id = await world.customer()
    await was_given(world, customer_id, NOW - timedelta(days=400))
    async with pool.acquire() as writer, writer.transaction():
        await writer.execute(
            "SELECT 1 FROM customers WHERE bucket = $1 AND customer_id = $2 FOR NO KEY UPDATE",
            bucket_of(customer_id),
            customer_id,
        )
        forgetting = asyncio.create_task(forget(pool))
        await until_blocked(pool)
        assert not forgetting.done()
    assert (await forgetting).reasons == 1


async def test_a_worker_forgets_by_itself(
    pool: asyncpg.Pool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "FORGET_EVERY_S", 0.01)
    await crossed(world, await world.customer(), NOW - timedelta(days=400))
    engine = start_engine(pool)
    await engine.start()
    try:
        async with asyncio.timeout(30):
            while await pool.fetchval("SELECT count(*) FROM crossings"):  # noqa: ASYNC110 - no event for this
                await asyncio.sleep(0.01)
    finally:
        await engine.stop()
