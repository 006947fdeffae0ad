"""Erasures while fixes stream in, inboxes are read and streams followed: afterwards nobody is there."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.concurrency.asking import Answer
from tests.concurrency.street import Shop, Street, walk_past
from tests.world import Phone

CUSTOMERS, SHOPS, BUDGET = 12, 16, 500
ON_THE_WIRE_S = 1.0


@dataclass
class Farewell:
    """One customer with two phones in the street, who goes for good somewhere on the way."""

    street: Street
    phones: Sequence[Phone]
    walk: Sequence[dict[str, Any]]
    goes_at: int
    told: set[str] = field(default_factory=set)
    told_late: set[str] = field(default_factory=set)
    late: list[Answer] = field(default_factory=list)
    goes: asyncio.Event = field(default_factory=asyncio.Event)
    gone_at: float = float("inf")

    async def is_said(self) -> None:
        first, second = self.phones
        following = asyncio.create_task(self._follows(second))
        await asyncio.gather(self._walks(first), self._walks(second), self._goes(first), self._reads(second))
        async with asyncio.timeout(10):
            await following  # the server ends the stream

    async def _follows(self, phone: Phone) -> None:
        try:
            async for delivery in self.street.client.follow(phone):
                self._hears([delivery])
        except (AssertionError, aiohttp.ClientError):
            assert self.goes.is_set(), "no stream ends or is refused before"

    async def _walks(self, phone: Phone) -> None:
        for number, fix in enumerate(self.walk):
            if number == self.goes_at:
                self.goes.set()
            is_late = self.gone_at < time.monotonic()
            answer = await self.street.client.report(phone, {**fix, "fix_id": f"{phone.device_id}-{number}"})
            if is_late:
                self.late.append(answer)
            elif answer.status == 200:
                self._hears(answer.deliveries)

    async def _goes(self, phone: Phone) -> None:
        await self.goes.wait()
        answer = await self.street.client.settle("DELETE", "/v1/me", phone.token)
        assert answer.status == 200, answer.raw
        self.gone_at = time.monotonic()
        self.late.append(await self.street.client.settle("DELETE", "/v1/me", phone.token))

    async def _reads(self, phone: Phone) -> None:
        await self.goes.wait()
        for _ in range(4):
            is_late = self.gone_at < time.monotonic()
            answer = await self.street.client.settle("GET", "/v1/inbox", phone.token)
            if is_late:
                self.late.append(answer)
            elif answer.status == 200:
                self._hears(answer.body["items"])

    def _hears(self, deliveries: Sequence[dict[str, Any]]) -> None:
        ids = {delivery["delivery_id"] for delivery in deliveries}
        self.told |= ids
        if time.monotonic() > self.gone_at + ON_THE_WIRE_S:
            self.told_late |= ids


async def test_a_storm_of_erasures_and_fixes_leaves_nobody_and_loses_no_count(street: Street) -> None:
    shops = await street.shops(
        SHOPS, of_one_retailer=True, ignores_caps=True, counts_toward_caps=False, budget=BUDGET
    )
    everybody = await street.people(CUSTOMERS, shops, phones_each=2)
    await street.opens()
    chance = random.Random(5)
    farewells = [
        Farewell(street, phones, walk_past(shops), chance.randint(2, SHOPS - 3)) for phones in everybody
    ]
    await asyncio.gather(*(one.is_said() for one in farewells))
    for one in farewells:
        assert {answer.status for answer in one.late} == {401}
        assert not one.told_late
        await _is_nowhere(street, one)
    told = sum(len(one.told) for one in farewells)
    assert told >= CUSTOMERS, "the storm reaches some shops"
    await _counts_hold(street, shops, told)


async def _is_nowhere(street: Street, one: Farewell) -> None:
    tables = await street.rows.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name IN ('customer_id', 'device_id')"
    )
    ids = [one.phones[0].customer_id, *(phone.device_id for phone in one.phones)]
    for table, column in tables:
        statement = f"SELECT count(*) FROM {table} WHERE {column} = ANY($1)"
        assert await street.rows.fetchval(statement, ids) == 0, table


async def _counts_hold(street: Street, shops: Sequence[Shop], told: int) -> None:
    """What was given is still counted, and what budgets and leases hold adds up with it."""
    offers = [shop.offer_id for shop in shops]
    decided, handed = await street.rows.fetchrow(
        "SELECT sum(decided)::integer, sum(handed)::integer FROM delivery_totals WHERE offer_id = ANY($1)",
        offers,
    )
    assert decided >= handed >= told
    available, leased = await street.rows.fetchrow(
        "SELECT (SELECT sum(deliveries_available)::integer FROM offer_budgets WHERE offer_id = ANY($1)),"
        " (SELECT coalesce(sum(granted), 0)::integer FROM budget_leases WHERE offer_id = ANY($1))",
        offers,
    )
    assert available + leased + decided == BUDGET * SHOPS
