"""Requests that come twice: the same batch again, and one phone with its old and its new token."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import msgspec

from offers.engine import Engine
from offers.people.tokens import hash_of_token, new_token, promote_token
from tests.world import NOON, Phone, World, fix_at, send


async def rotated(world: World, phone: Phone) -> Phone:
    """The same phone with a token that it has not used yet."""
    token = new_token(phone.bucket)
    await world.sql.execute(
        "INSERT INTO device_tokens (bucket, token_hash, device_id, customer_id, status, created_at)"
        " VALUES ($1, $2, $3, $4, 'next', $5)",
        phone.bucket,
        hash_of_token(token),
        phone.device_id,
        phone.customer_id,
        NOON,
    )
    return Phone(phone.bucket, phone.customer_id, phone.device_id, token)


async def test_a_retried_plain_batch_gets_the_same_answer(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    sent = phone.sends([fix_at(1500, NOON.timestamp())], NOON.timestamp())
    first = await engine.batcher.submit(sent)
    assert b'"quiet_radius_m":0.0' not in first
    assert await engine.batcher.submit(sent) == first


async def test_a_new_token_that_was_used_meanwhile_stays_valid(
    world: World, engine: Engine, pool: asyncpg.Pool
) -> None:
    old = await world.phone(await world.customer())
    new = await rotated(world, old)
    token_hash = hash_of_token(new.token)
    await send(engine, new, 0, NOON)
    async with pool.acquire() as connection, connection.transaction():
        await promote_token(connection, new.bucket, new.device_id, token_hash)  # found unused before the lock
    assert await world.sql.fetchval("SELECT array_agg(token_hash) FROM device_tokens") == [token_hash]


async def test_a_retry_gets_the_same_advice_while_time_runs(world: World, engine: Engine) -> None:
    await world.sql.execute("UPDATE clock SET ticking_since = clock_timestamp()")
    phone = await world.phone(await world.customer())
    sent = phone.sends([fix_at(1500, NOON.timestamp())], NOON.timestamp())
    told = []
    for _ in range(2):
        answer = msgspec.json.decode(await engine.batcher.submit(sent))
        told.append((answer["fixes"], answer["quiet_radius_m"], answer["next_fix_after_s"]))
        await asyncio.sleep(0.05)
    assert told[0] == told[1]
    assert told[0][1] > 0


async def test_a_visit_survives_two_tokens_in_one_flush(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    old = await world.phone(await world.customer(shop))
    new = await rotated(world, old)
    await engine.refresh()
    seconds = NOON.timestamp()
    inside = old.sends([fix_at(0, seconds - 30)], seconds)
    on_the_edge = new.sends([fix_at(102, seconds, accuracy_m=10)], seconds)
    await asyncio.gather(engine.batcher.submit(inside), engine.batcher.submit(on_the_edge))
    await world.moves_to(NOON + timedelta(seconds=30))
    await send(engine, new, 0, NOON + timedelta(seconds=30))
    assert [row["kind"] for row in await world.sql.fetch("SELECT kind FROM crossings")] == ["enter"]


async def test_a_retry_with_the_new_token_in_the_same_flush_gets_the_same_answer(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    old = await world.phone(await world.customer(shop))
    new = await rotated(world, old)
    await engine.refresh()
    fix = fix_at(0, NOON.timestamp())
    first, again = await asyncio.gather(
        *(engine.batcher.submit(phone.sends([fix], NOON.timestamp())) for phone in (old, new))
    )
    assert b'"delivery_id"' in first
    assert again == first
