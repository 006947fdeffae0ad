"""Lock first, read in a later statement: what the one that waited gets to see.

Under READ COMMITTED a statement that waited for a row's lock reads that row anew, and everything else
as it was before the wait. Two connections show it for the plain statement, and that neither
`lock_and_load` nor a flush falls for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from offers.engine import Engine, loading
from offers.engine.answers import FixesAnswer
from offers.engine.loading import Customer, Loaded, load
from offers.engine.work import Sent, Work
from offers.engine.writing import write
from offers.people.tokens import hash_of_token
from tests.concurrency.waiting import until_blocked
from tests.world import Phone, World, fix_at, start_engine

NOON = datetime(2026, 6, 4, 9, 0, tzinfo=UTC)
SHOPS_APART_M = 400

ONE_ROUND_TRIP = "SELECT state FROM lock_and_load($1, $2, '{}', '{}', true) WHERE ord = 1"
ONE_STATEMENT = """
    SELECT s.state::text FROM unnest($1::smallint[], $2::bytea[]) AS r(bucket, token_hash)
    JOIN device_tokens t ON t.bucket = r.bucket AND t.token_hash = r.token_hash
    JOIN customers c ON c.bucket = t.bucket AND c.customer_id = t.customer_id
    JOIN device_states s ON s.bucket = t.bucket AND s.device_id = t.device_id
    FOR NO KEY UPDATE OF c
"""


@pytest.fixture
async def world(pool: asyncpg.Pool) -> World:
    world = World(pool)
    await world.stands_still_at(NOON)
    return world


@pytest.fixture
async def engine(pool: asyncpg.Pool, world: World) -> AsyncIterator[Engine]:
    """An engine with three shops of three retailers, told nothing by time."""
    for number in range(3):
        retailer_id = await world.retailer()
        await world.offer(retailer_id, await world.fence(retailer_id, north_m=number * SHOPS_APART_M))
    engine = start_engine(pool)
    await engine.refresh()
    yield engine
    await engine.stop()


@pytest.mark.parametrize(
    ("statement", "seen"),
    [
        pytest.param(ONE_ROUND_TRIP, '{"n":1}', id="lock_and_load"),
        pytest.param(ONE_STATEMENT, '{"n":0}', id="one statement"),
    ],
)
async def test_only_a_later_statement_sees_what_the_lock_was_held_for(
    world: World, pool: asyncpg.Pool, statement: str, seen: str
) -> None:
    phone = await world.phone(await world.customer())
    await _set_state(pool, phone, '{"n":0}')
    async with pool.acquire() as first, pool.acquire() as second:
        async with first.transaction():
            await first.execute(
                "SELECT FROM customers WHERE customer_id = $1 FOR NO KEY UPDATE", phone.customer_id
            )
            await _set_state(first, phone, '{"n":1}')
            reading = asyncio.create_task(
                second.fetchval(statement, [phone.bucket], [hash_of_token(phone.token)])
            )
            await until_blocked(pool)
        assert await reading == seen


async def test_a_flush_that_waited_counts_what_it_waited_for(
    world: World, engine: Engine, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    phones = await _two_phones_of_one_customer(world)
    assert await _two_flushes(phones, engine, pool, monkeypatch) == [2, 0]
    assert await pool.fetchval("SELECT count(*) FROM deliveries") == 2
    counts = await pool.fetch("SELECT outcome, n FROM decision_counts WHERE outcome <> 'delivered'")
    assert [tuple(row) for row in counts] == [("frequency_cap", 1)]


async def test_a_history_read_with_the_lock_would_let_a_third_delivery_past_two_a_day(
    world: World, engine: Engine, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same race with the mistake made: this is what the test above is able to find."""
    phones = await _two_phones_of_one_customer(world)
    mistaken = _ReadsWithTheLock(phones[0])
    monkeypatch.setattr("offers.engine.flush.load", mistaken.load)
    monkeypatch.setattr("offers.engine.flush.load_customers", mistaken.load_customers)
    assert await _two_flushes(phones, engine, pool, monkeypatch) == [2, 1]
    assert await pool.fetchval("SELECT count(*) FROM deliveries") == 3


class _ReadsWithTheLock:
    """Loads a flush, but reads what the customer was given in the statement that waits for the lock."""

    def __init__(self, phone: Phone) -> None:
        self._who = [phone.bucket], [phone.customer_id]
        self._customers: dict[UUID, Customer] = {}

    async def load(self, connection: asyncpg.Connection, work: Iterable[Work], *, wait: bool) -> Loaded:
        at_once = loading._PEOPLE + " FOR NO KEY UPDATE OF c"
        rows = await connection.fetch(at_once, *self._who, NOON, [False])
        self._customers = {row["customer_id"]: Customer.of(row) for row in rows}
        return await load(connection, list(work), wait=wait)

    async def load_customers(
        self, _connection: asyncpg.Connection, _keys: object, _now: datetime
    ) -> dict[UUID, Customer]:
        return self._customers


async def _two_flushes(
    phones: list[Phone], engine: Engine, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """How many deliveries each of two flushes tells: the second waits while the first commits two."""
    is_written, may_commit = asyncio.Event(), asyncio.Event()

    async def write_and_hold(*rows: Any, **more: Any) -> None:
        await write(*rows, **more)
        is_written.set()
        await may_commit.wait()

    monkeypatch.setattr("offers.engine.flush.write", write_and_hold)
    monkeypatch.setattr("offers.engine.flush._SHORT_LOCK_TIMEOUT", "SET LOCAL lock_timeout = '60s'")
    first = asyncio.create_task(_flush(engine, _enters(phones[0], 0, 1)))
    await is_written.wait()
    second = asyncio.create_task(_flush(engine, _enters(phones[1], 2)))
    await until_blocked(pool)
    may_commit.set()
    return [len(answer.deliveries) for answer in (await first, await second)]


async def _flush(engine: Engine, sent: Sent) -> FixesAnswer:
    [outcome] = await engine._flusher.flush([sent], engine.snapshot, wait=True)
    assert isinstance(outcome, bytes), outcome
    return msgspec.json.decode(outcome, type=FixesAnswer)


def _enters(phone: Phone, *shops: int) -> Sent:
    """One report of a phone that drives into these shops."""
    now = NOON.timestamp()
    fixes = [fix_at(shop * SHOPS_APART_M, now - 10 * (2 - shop)) for shop in shops]
    return phone.sends(fixes, now)


async def _two_phones_of_one_customer(world: World) -> list[Phone]:
    retailers = [row["retailer_id"] for row in await world.sql.fetch("SELECT retailer_id FROM retailers")]
    customer_id = await world.customer(*retailers)
    return [await world.phone(customer_id) for _ in range(2)]


async def _set_state(sql: asyncpg.Connection | asyncpg.Pool, phone: Phone, state: str) -> None:
    await sql.execute(
        "UPDATE device_states SET state = $3 WHERE bucket = $1 AND device_id = $2",
        phone.bucket,
        phone.device_id,
        state,
    )
