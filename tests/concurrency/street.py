"""A long street of shops in a running server's database: the place where the races are run.

Every test has its own stretch of it, its own shops and its own people, so that one server serves
all of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from tests.concurrency.asking import Client, fix_at
from tests.world import Phone, World

STRETCH_M = 50_000.0
# So far apart that a phone at one shop has left the last, and near enough to drive there in 5 s.
SHOPS_APART_M = 400.0
STEP_S = 5
# No dwell falls due while a test runs: a timer would tell of it, and no answer would carry it.
DWELL_S = 86_400


@dataclass(frozen=True)
class Shop:
    """One retailer with one fence and one offer."""

    retailer_id: int
    fence_id: int
    offer_id: int
    north_m: float


@dataclass
class Street:
    """One stretch. `rows` are connections to the database, `client` asks the server."""

    rows: asyncpg.Pool
    client: Client
    starts_at_m: float

    @property
    def world(self) -> World:
        return World(self.rows)

    async def shops(self, count: int, *, of_one_retailer: bool = False, **offer: Any) -> list[Shop]:
        """So many shops, one after the other, each with an offer to whoever enters."""
        shops: list[Shop] = []
        retailer_id = await self.world.retailer()
        for number in range(count):
            if number and not of_one_retailer:
                retailer_id = await self.world.retailer()
            north_m = self.starts_at_m + number * SHOPS_APART_M
            fence_id = await self.world.fence(retailer_id, north_m=north_m, dwell_s=DWELL_S)
            offer_id = await self.world.offer(retailer_id, fence_id, **{"stale_after_s": 900} | offer)
            shops.append(Shop(retailer_id, fence_id, offer_id, north_m))
        return shops

    async def people(self, count: int, shops: Sequence[Shop], *, phones_each: int = 1) -> list[list[Phone]]:
        """Customers who consent to all of that, each with so many phones."""
        retailers = sorted({shop.retailer_id for shop in shops})
        everybody = []
        for _ in range(count):
            customer_id = await self.world.customer(*retailers)
            everybody.append([await self.world.phone(customer_id) for _ in range(phones_each)])
        return everybody

    async def opens(self) -> None:
        """Return when every worker decides by what was written until now."""
        version = await self.rows.fetchval("SELECT version FROM config_version")
        while await self._oldest_version() < version:  # noqa: ASYNC110 - no event for this
            await asyncio.sleep(0.02)

    async def _oldest_version(self) -> int:
        answer = await self.client.persist("GET", "/metrics", "")
        found = re.search(r"^alentour_index_version(?:\{\})? (\S+)$", answer.raw.decode(), re.MULTILINE)
        return int(float(found[1])) if found else 0

    async def deliveries_of(self, customer_id: UUID) -> list[asyncpg.Record]:
        """A customer's deliveries, in the order of their numbers."""
        found: list[asyncpg.Record] = await self.rows.fetch(
            "SELECT * FROM deliveries WHERE bucket BETWEEN 0 AND 63 AND customer_id = $1 ORDER BY seq",
            customer_id,
        )
        return found

    async def suppressed(self, shops: Sequence[Shop]) -> dict[str, int]:
        """How often these shops' offers were held back, by reason."""
        found = await self.rows.fetch(
            "SELECT outcome AS reason, sum(n)::integer AS n FROM ("
            " SELECT outcome, n FROM decision_counts WHERE offer_id = ANY($1)"
            " UNION ALL SELECT outcome, n FROM decision_totals WHERE offer_id = ANY($1)) AS counted"
            " WHERE outcome <> 'delivered' GROUP BY outcome",
            [shop.offer_id for shop in shops],
        )
        return {row["reason"]: row["n"] for row in found}


def walk_past(shops: Sequence[Shop]) -> list[dict[str, Any]]:
    """One fix in the middle of each shop, in order; the last is of now."""
    last = len(shops) - 1
    return [fix_at(shop.north_m, before_s=(last - number) * STEP_S) for number, shop in enumerate(shops)]
