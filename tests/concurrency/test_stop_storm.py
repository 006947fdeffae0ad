"""Offers and retailers stopped while fixes stream in: a stop that is acknowledged is over everywhere."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from api.auth import create_retailer_key
from tests.concurrency.street import Shop, Street, walk_past
from tests.world import Phone

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
