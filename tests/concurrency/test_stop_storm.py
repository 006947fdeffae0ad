"""Offers and retailers stopped while fixes stream in: a stop that is acknowledged is over everywhere."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from api.auth import create_retailer_key
from api.database import config_changed
from offers.engine.writing import write
from offers.retail.lifecycle import stop_offer
from offers.retail.stops import settle
from tests.concurrency.street import Shop, Street, walk_past
from tests.world import Phone, start_engine
from tests.world import fix_at as engine_fix_at

SHOPS, PHONES = 16, 24


async def test_nothing_of_a_stopped_offer_is_decided_after_the_stop_is_acknowledged(street: Street) -> None:
    shops = await street.shops(SHOPS, ignores_caps=True, counts_toward_caps=False)
    phones = [phone for [phone] in await street.people(PHONES, shops)]
    await street.opens()
    storm = _Storm(street)
    # Some come from one end of the street, some from the other.
    walks = [storm.walks(phone, shops[:: 1 if turn % 2 else -1]) for turn, phone in enumerate(phones)]
    order = random.Random(3).sample(shops, SHOPS)
    stops = [
        storm.stops(shop, after_reports=number * PHONES, whole_retailer=number % 4 == 0)
        for number, shop in enumerate(order)
    ]
    await asyncio.gather(*walks, *stops)
    assert storm.told_too_late == []
    assert await storm.given_of(shops) == storm.given_when_stopped
    assert 0 < sum(storm.given_when_stopped.values()) < SHOPS * PHONES
    assert (await street.suppressed(shops))["stopped"] > 0


async def test_a_stop_is_acknowledged_only_when_flushes_from_before_it_have_ended(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flush of another worker has decided and not committed yet, and knows nothing of the stop."""
    [shop] = await street.shops(1)
    flush = await _held_flush(street, shop, monkeypatch)
    storm = _Storm(street)
    stop = asyncio.create_task(storm.stops(shop, after_reports=0, whole_retailer=False))
    is_stopped = "SELECT stopped_at IS NOT NULL FROM offers WHERE offer_id = $1"
    while not await street.rows.fetchval(is_stopped, shop.offer_id):  # noqa: ASYNC110 - no event for this
        await asyncio.sleep(0.005)
    was_acknowledged = await _has_ended_soon(street, stop)
    await flush.ends()
    await stop
    assert not was_acknowledged
    assert storm.given_when_stopped == {shop.offer_id: 1}


async def test_a_flush_that_began_while_the_stop_was_being_written_is_waited_for(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction is younger than the stop's, and yet it has not seen the stop."""
    [shop] = await street.shops(1)
    async with street.rows.acquire() as stopping, stopping.transaction():
        now = await stopping.fetchval("SELECT alentour_now()")
        await stop_offer(stopping, shop.retailer_id, shop.offer_id, now)
        await config_changed(stopping, stop=True)
        flush = await _held_flush(street, shop, monkeypatch)
    settling = asyncio.create_task(settle(street.rows))
    was_settled = await _has_ended_soon(street, settling)
    await flush.ends()
    await settling
    assert not was_settled


async def _has_ended_soon(street: Street, task: asyncio.Task[None]) -> bool:
    """Whether it ended within the time that something which waits for nothing would need."""
    for _ in range(20):
        await street.client.settle("GET", "/health/ready", "")
    return task.done()


@dataclass
class _HeldFlush:
    """A flush of another worker that has written a delivery and not committed it."""

    task: asyncio.Task[Any]
    may_commit: asyncio.Event

    async def ends(self) -> None:
        self.may_commit.set()
        [outcome] = await self.task
        assert b'"deliveries":[{' in outcome


async def _held_flush(street: Street, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> _HeldFlush:
    [[phone]] = await street.people(1, [shop])
    is_written, may_commit = asyncio.Event(), asyncio.Event()

    async def write_and_hold(*rows: Any, **more: Any) -> None:
        await write(*rows, **more)
        is_written.set()
        await may_commit.wait()

    monkeypatch.setattr("offers.engine.flush.write", write_and_hold)
    engine = start_engine(street.rows)
    await engine.refresh()
    now = time.time()
    sent = phone.sends([engine_fix_at(shop.north_m, now)], now)
    task = asyncio.create_task(engine._flusher.flush([sent], engine.snapshot))
    await is_written.wait()
    return _HeldFlush(task, may_commit)


class _Storm:
    """Phones that walk, retailers that stop, and what was true at every acknowledgement."""

    def __init__(self, street: Street) -> None:
        self._street = street
        self._stopped: set[int] = set()
        self._reports = 0
        self._progress = asyncio.Condition()
        self.told_too_late: list[int] = []
        self.given_when_stopped: dict[int, int] = {}

    async def walks(self, phone: Phone, shops: Sequence[Shop]) -> None:
        for fix in walk_past(shops):
            stopped_before = frozenset(self._stopped)
            answer = await self._street.client.report(phone, fix)
            assert answer.status == 200, answer.raw
            told = {delivery["offer_id"] for delivery in answer.deliveries}
            self.told_too_late += told & stopped_before
            async with self._progress:
                self._reports += 1
                self._progress.notify_all()

    async def stops(self, shop: Shop, *, after_reports: int, whole_retailer: bool) -> None:
        async with self._progress:
            await self._progress.wait_for(lambda: self._reports >= after_reports)
        async with self._street.rows.acquire() as connection:
            key = await create_retailer_key(connection, shop.retailer_id, "manage")
        what = f"retailers/{shop.retailer_id}" if whole_retailer else f"offers/{shop.offer_id}"
        answer = await self._street.client.settle("POST", f"/v1/{what}/stop", key)
        assert answer.status == 200, answer.raw
        self._stopped.add(shop.offer_id)
        self.given_when_stopped |= await self.given_of([shop])

    async def given_of(self, shops: Sequence[Shop]) -> dict[int, int]:
        """How many deliveries there are of each offer."""
        rows = await self._street.rows.fetch(
            "SELECT o.offer_id, (SELECT count(*) FROM deliveries d WHERE d.offer_id = o.offer_id) AS n"
            " FROM offers o WHERE o.offer_id = ANY($1)",
            [shop.offer_id for shop in shops],
        )
        return {row["offer_id"]: row["n"] for row in rows}
