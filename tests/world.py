"""A small world written straight into a test's database: retailers, places, offers, people.

For tests of what lies behind the API. Tests of the API itself make their world over HTTP.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.fixes import Fix
from offers.buckets import bucket_of
from offers.engine import Engine
from offers.engine.answers import FixesAnswer
from offers.engine.work import Sent
from offers.observer import SilentObserver
from offers.people.tokens import hash_of_token, new_token
from offers.terms import LOCATION_OFFERS, marketing_grant

HELSINKI = (60.17, 24.94)
METRES_PER_DEGREE = 111_195.0
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 6, 4, 9, 0, tzinfo=UTC)  # a Thursday, noon in Helsinki


@dataclass(frozen=True)
class Phone:
    """One device with its token."""

    bucket: int
    customer_id: UUID
    device_id: UUID
    token: str

    def sends(self, fixes: list[Fix], sent_at: float) -> Sent:
        return Sent(self.bucket, hash_of_token(self.token), sent_at, fixes)


def fix_at(
    north_m: float, at: float, *, east_m: float = 0.0, accuracy_m: float = 5.0, fix_id: str | None = None
) -> Fix:
    """A fix so many metres from the middle of the world."""
    lat, lon = HELSINKI
    return Fix(
        fix_id=fix_id or uuid4().hex,
        at=at,
        lat=lat + north_m / METRES_PER_DEGREE,
        lon=lon + east_m / (METRES_PER_DEGREE * math.cos(math.radians(lat))),
        accuracy_m=accuracy_m,
    )


def start_engine(pool: asyncpg.Pool, **settings: Any) -> Engine:
    """An engine as a worker has one, not started yet."""
    wanted = {"workers": 2, "queue_fixes": 20_000, "queue_bytes": 64 * 2**20, "flush_fixes": 2_000} | settings
    return Engine(pool, SilentObserver(), default_time_zone="Europe/Helsinki", **wanted)


async def answered(engine: Engine, phone: Phone, fixes: list[Fix], at: datetime) -> FixesAnswer:
    """What a phone is told of a batch that it sends at that time."""
    answer = await engine.batcher.submit(phone.sends(fixes, at.timestamp()))
    assert answer is not None
    return msgspec.json.decode(answer, type=FixesAnswer)


async def send(engine: Engine, phone: Phone, north_m: float, at: datetime, **fix: Any) -> FixesAnswer:
    """The same for one fix, so many metres north of the middle of the world."""
    return await answered(engine, phone, [fix_at(north_m, at.timestamp(), **fix)], at)


class World:
    """Writes rows; every method returns the new id."""

    def __init__(self, connection: asyncpg.Connection | asyncpg.Pool) -> None:
        self.sql = connection

    async def stands_still_at(self, at: datetime) -> None:
        """Give the database a simulated clock."""
        await self.sql.execute("DELETE FROM clock")
        await self.sql.execute("INSERT INTO clock (mode, simulated_at) VALUES ('simulated', $1)", at)

    async def moves_to(self, at: datetime) -> None:
        await self.sql.execute("UPDATE clock SET simulated_at = $1", at)

    async def has_no_caps(self) -> None:
        await self.sql.execute("DELETE FROM caps")
        await self.edited()

    async def edited(self) -> None:
        await self.sql.execute("UPDATE config_version SET version = version + 1")

    async def retailer(self, name: str = "Shop") -> int:
        retailer_id: int = await self.sql.fetchval(
            "INSERT INTO retailers (name, created_at) VALUES ($1, $2) RETURNING retailer_id", name, LONG_AGO
        )
        return retailer_id

    async def fence(
        self, retailer_id: int, *, north_m: float = 0.0, radius_m: float = 100.0, dwell_s: int = 180
    ) -> int:
        """A site with a circle around it."""
        lat, lon = HELSINKI[0] + north_m / METRES_PER_DEGREE, HELSINKI[1]
        site_id = await self.sql.fetchval(
            "INSERT INTO sites (retailer_id, name, location, time_zone, created_at, updated_at)"
            " VALUES ($1, 'Site', ST_SetSRID(ST_MakePoint($2, $3), 4326), 'Europe/Helsinki', $4, $4)"
            " RETURNING site_id",
            retailer_id,
            lon,
            lat,
            LONG_AGO,
        )
        fence_id: int = await self.sql.fetchval(
            "INSERT INTO fences (retailer_id, site_id, name, shape, centre, radius_m, dwell_s,"
            " created_at, updated_at)"
            " SELECT $1, $2, 'Fence', ST_Buffer(p::geography, $5)::geometry, p, $5, $6, $7, $7"
            " FROM ST_SetSRID(ST_MakePoint($3, $4), 4326) AS p RETURNING fence_id",
            retailer_id,
            site_id,
            lon,
            lat,
            radius_m,
            dwell_s,
            LONG_AGO,
        )
        await self.edited()
        return fence_id

    async def offer(
        self,
        retailer_id: int,
        fence_id: int,
        *,
        trigger: str = "enter",
        channel: str = "push",
        budget: int | None = None,
        stock: int | None = None,
        **columns: Any,
    ) -> int:
        """An active offer on one fence."""
        values: dict[str, Any] = {
            "retailer_id": retailer_id,
            "status": "active",
            "content": json.dumps({"en": {"title": "Soup", "text": "Soup of the day at half price."}}),
            "triggers": [trigger],
            "channel": channel,
            "fence_ids": [fence_id],
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
        } | columns
        names = ", ".join(values)
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        offer_id: int = await self.sql.fetchval(
            f"INSERT INTO offers ({names}) VALUES ({places}) RETURNING offer_id", *values.values()
        )
        await self.sql.execute(
            "INSERT INTO offer_budgets (offer_id, deliveries_total, deliveries_available, redemptions_total)"
            " VALUES ($1, $2, $2, $3)",
            offer_id,
            budget,
            stock,
        )
        await self.edited()
        return offer_id

    async def cap(self, at_most: int, *, unit: str = "day", scope: str = "system") -> int:
        cap_id: int = await self.sql.fetchval(
            "INSERT INTO caps (scope, at_most, time_window, calendar_unit, created_at)"
            " VALUES ($1, $2, 'calendar', $3, $4) RETURNING cap_id",
            scope,
            at_most,
            unit,
            LONG_AGO,
        )
        await self.edited()
        return cap_id

    async def customer(self, *retailer_ids: int, channel: str = "push", **columns: Any) -> UUID:
        """Somebody who never sleeps and consents to location and to these retailers' marketing."""
        customer_id = uuid4()
        grants = [LOCATION_OFFERS, *(marketing_grant(one, channel) for one in retailer_ids)]
        values = {
            "bucket": bucket_of(customer_id),
            "customer_id": customer_id,
            "time_zone": "Europe/Helsinki",
            "grants": grants,
            "age_band": "adult",
            "quiet_start": datetime.min.time(),
            "quiet_end": datetime.min.time(),
            "created_at": LONG_AGO,
        } | columns
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await self.sql.execute(
            f"INSERT INTO customers ({', '.join(values)}) VALUES ({places})", *values.values()
        )
        return customer_id

    async def phone(self, customer_id: UUID) -> Phone:
        bucket, device_id = bucket_of(customer_id), uuid4()
        token = new_token(bucket)
        await self.sql.execute(
            "INSERT INTO devices (bucket, device_id, customer_id, platform, created_at)"
            " VALUES ($1, $2, $3, 'android', $4)",
            bucket,
            device_id,
            customer_id,
            LONG_AGO,
        )
        await self.sql.execute(
            "INSERT INTO device_states (bucket, device_id, customer_id) VALUES ($1, $2, $3)",
            bucket,
            device_id,
            customer_id,
        )
        await self.sql.execute(
            "INSERT INTO device_tokens (bucket, token_hash, device_id, customer_id, status, created_at)"
            " VALUES ($1, $2, $3, $4, 'current', $5)",
            bucket,
            hash_of_token(token),
            device_id,
            customer_id,
            LONG_AGO,
        )
        return Phone(bucket, customer_id, device_id, token)
