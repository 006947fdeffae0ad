"""A past that never was: people, crossings, deliveries, holdouts, counts, written as flushes write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from offers.buckets import BUCKETS, bucket_of

CONSENTING = ("location_offers", "measurement")


@dataclass(frozen=True)
class Somebody:
    bucket: int
    customer_id: UUID


def _somebody_in(bucket: int) -> Somebody:
    while bucket_of(customer_id := uuid4()) != bucket:
        pass
    return Somebody(bucket, customer_id)


@dataclass
class Past:
    """What happened to one retailer at one fence (of a site, if it has one)."""

    sql: asyncpg.Connection
    retailer_id: int
    fence_id: int
    site_id: int | None = None

    async def people(self, how_many: int, grants: Sequence[str] = CONSENTING) -> list[Somebody]:
        """In turn one of every bucket, by which reports tell people apart."""
        made = [_somebody_in(number % BUCKETS) for number in range(how_many)]
        await self.sql.executemany(
            "INSERT INTO customers (bucket, customer_id, created_at, grants, age_band)"
            " VALUES ($1, $2, '2020-01-01T00:00:00Z', $3, 'adult')",
            [(one.bucket, one.customer_id, list(grants)) for one in made],
        )
        return made

    async def crossed(
        self, people: Iterable[Somebody], at: datetime, kind: str = "enter", written: datetime | None = None
    ) -> None:
        await self.sql.executemany(
            "INSERT INTO crossings (bucket, customer_id, crossing_id, device_id, fence_id, site_id,"
            " retailer_id, kind, confidence, occurred_at, recorded_at)"
            " VALUES ($1, $2, $3, $3, $4, $5, $6, $7, 0.9, $8, $9)",
            [
                (
                    one.bucket, one.customer_id, uuid4(), self.fence_id, self.site_id, self.retailer_id,
                    kind, at, written or at,
                )
                for one in people
            ],
        )  # fmt: skip

    async def given(
        self, people: Iterable[Somebody], offer_id: int, at: datetime, stages: Sequence[str] = ()
    ) -> None:
        """Deliveries; each stage came a minute later."""
        columns = "".join(f", {stage}_at" for stage in stages)
        values = "".join(", $9" for _ in stages)
        await self.sql.executemany(
            "INSERT INTO deliveries (bucket, customer_id, delivery_id, seq, device_id, offer_id, retailer_id,"
            " site_id, fence_id, crossing_id, trigger, channel, tags, counts_toward_caps, content, code,"
            f" trace, decided_at, expires_at{columns})"
            " VALUES ($1, $2, $3, (extract(epoch FROM $8::timestamptz) * 1000)::bigint, $3, $4, $5, $6, $7,"
            " $3, 'enter', 'push', '{}', true, '{}', $3::uuid::text, '[]', $8,"
            f" $9::timestamptz + interval '1 day'{values})",
            [
                (
                    one.bucket, one.customer_id, uuid4(), offer_id, self.retailer_id, self.site_id,
                    self.fence_id, at, at + timedelta(minutes=1),
                )
                for one in people
            ],
        )  # fmt: skip

    async def held_out(
        self, people: Iterable[Somebody], offer_id: int, at: datetime, drawn_for: str = "offer"
    ) -> None:
        await self.sql.executemany(
            "INSERT INTO holdouts (bucket, customer_id, offer_id, retailer_id, site_id, fence_id,"
            " crossing_id, drawn_for, trace, decided_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '[]', $9)",
            [
                (
                    one.bucket, one.customer_id, offer_id, self.retailer_id, self.site_id, self.fence_id,
                    uuid4(), drawn_for, at,
                )
                for one in people
            ],
        )  # fmt: skip

    async def waits(self, people: Iterable[Somebody], offer_id: int, at: datetime) -> None:
        for one in people:
            device_id = uuid4()
            await self.sql.execute(
                "INSERT INTO devices (bucket, device_id, customer_id, platform, created_at)"
                " VALUES ($1, $2, $3, 'ios', $4)",
                one.bucket,
                device_id,
                one.customer_id,
                at,
            )
            await self.sql.execute(
                "INSERT INTO held_offers (bucket, customer_id, offer_id, device_id, fence_id, crossing_id,"
                " trigger, crossed_at, held_at, due_at) VALUES ($1, $2, $3, $4, $5, $4, 'enter', $6, $6, $7)",
                one.bucket,
                one.customer_id,
                offer_id,
                device_id,
                self.fence_id,
                at,
                at + timedelta(days=36_500),
            )

    async def decided(
        self,
        offer_id: int,
        at: datetime,
        outcomes: dict[str, int],
        moment: str = "crossing",
        *,
        folded: bool = True,
    ) -> None:
        """Counts as the sweeper folds them, or as a flush has just left them."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        rows = [(offer_id, hour, self.fence_id, moment, outcome, n) for outcome, n in outcomes.items()]
        if folded:
            await self.sql.executemany(
                "INSERT INTO decision_totals (offer_id, hour, fence_id, moment, outcome, n)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                rows,
            )
        else:
            await self.sql.executemany(
                "INSERT INTO decision_counts (bucket, count_id, offer_id, hour, fence_id, moment, outcome, n)"
                " VALUES (7, gen_random_uuid(), $1, $2, $3, $4, $5, $6)",
                rows,
            )
