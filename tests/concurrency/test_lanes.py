"""A customer whom somebody else holds: what waits for the lock waits together, and nobody else waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from geo.errors import TooMany
from offers.engine import Engine
from offers.observer import SilentObserver
from tests.concurrency.waiting import until, until_blocked
from tests.world import Phone, World, fix_at, start_engine

NOON = datetime(2026, 6, 4, 9, 0, tzinfo=UTC)
PHONES, REQUESTS_EACH = 10, 3


class CountingObserver(SilentObserver):
    """Remembers how many fixes each transaction committed."""

    def __init__(self) -> None:
        self.commits: list[int] = []

    def flushed(self, fixes: int, seconds: float) -> None:
        if fixes:
            self.commits.append(fixes)


@pytest.fixture
async def world(pool: asyncpg.Pool) -> World:
    world = World(pool)
    await world.stands_still_at(NOON)
    return world


@pytest.fixture
async def engine(pool: asyncpg.Pool, world: World) -> AsyncIterator[Engine]:
    engine = start_engine(pool)
    engine.batcher._observer = CountingObserver()
    await engine.start()
    yield engine
    await engine.stop()


async def test_a_burst_of_a_held_customer_is_committed_together_and_others_pass(
    world: World, engine: Engine, pool: asyncpg.Pool
) -> None:
    held = await world.customer()
    phones = [await world.phone(held) for _ in range(PHONES)]
    other = await world.phone(await world.customer())
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM customers WHERE customer_id = $1 FOR NO KEY UPDATE", held)
        burst = [_report(engine, phone, number) for number in range(REQUESTS_EACH) for phone in phones]
        await until_blocked(pool)
        await until(lambda: engine.batcher._lanes.queued(held) >= PHONES * (REQUESTS_EACH - 1))
        assert b"accepted" in await _report(engine, other, 0)
        assert not any(future.done() for future in burst)
    answers = await asyncio.gather(*burst)
    assert all(b'"accepted"' in answer for answer in answers)
    observer = engine.batcher._observer
    assert isinstance(observer, CountingObserver)
    assert observer.commits == [1, *[PHONES] * REQUESTS_EACH]
    assert engine.batcher.queued_fixes == 0


async def test_a_customer_held_too_long_is_sent_away_for_now(
    world: World, engine: Engine, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offers.engine.lanes.LONGEST_IN_QUEUE_S", 0.0)
    held = await world.customer()
    phone = await world.phone(held)
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM customers WHERE customer_id = $1 FOR NO KEY UPDATE", held)
        with pytest.raises(TooMany):
            await _report(engine, phone, 0)
    assert engine.batcher.queued_fixes == 0
    assert b"accepted" in await _report(engine, phone, 0)


def _report(engine: Engine, phone: Phone, number: int) -> asyncio.Future[Any]:
    seconds = NOON.timestamp()
    return engine.batcher.submit(phone.sends([fix_at(0, seconds - 60 + number)], seconds))
