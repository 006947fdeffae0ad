"""A paid street, drivers, and money that does as it is told: for tests of stays behind the API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from offers.buckets import bucket_of
from offers.parking import driving, settled
from offers.parking.driving import Beginning, Driver, Longer
from offers.parking.money import Back, Due
from offers.parking.plate_keys import PlateKey
from offers.parking.plates import Plate, read_plate
from offers.parking.quotes import Quote, Wish, ZoneWish, make_quote
from offers.parking.sessions import Session, read_session
from offers.people.customers import lock_customers
from offers.people.keys import CustomerKey
from tests.world import LONG_AGO, World

TEN = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)  # a Wednesday, ten in Paris
ORANGE = ((60, 130), (120, 260), (180, 310), (240, 360), (300, 400))
QUARTERS = tuple((15 * n, 50 * n) for n in range(1, 25))
HOURS = "Mo-Sa 09:00-19:00; PH off"


def steps(*printed: tuple[int, int]) -> list[dict[str, Any]]:
    begins = [0, *(minutes for minutes, _ in printed)]
    return [
        {"type": "step", "from_minutes": begin, "until_minutes": minutes, "price_minor": cents}
        for begin, (minutes, cents) in zip(begins, printed, strict=False)
    ]


def at(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


@dataclass
class Payment:
    """One payment, as the double sees it."""

    payment_id: UUID
    purchase_id: UUID
    amount_minor: int
    state: str = "requested"
    refunds: dict[UUID, int] = field(default_factory=dict)


class TestMoney:
    """Payments that are captured, declined or left waiting, as `answer` says. Refunds are noted."""

    __test__ = False

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.answer = "captured"
        self.payments: dict[UUID, Payment] = {}

    async def begin(self, connection: asyncpg.Connection, key: CustomerKey, due: Due, now: datetime) -> UUID:
        fresh = Payment(due.operation_id, due.purchase_id, due.amount_minor)
        self.payments.setdefault(due.operation_id, fresh)
        return due.operation_id

    async def give_back(
        self, connection: asyncpg.Connection, key: CustomerKey, back: Back, now: datetime
    ) -> UUID:
        self.payments[back.payment_id].refunds[back.operation_id] = back.amount_minor
        return back.operation_id

    async def settle(self, key: CustomerKey, payment_id: UUID) -> None:
        payment = self.payments[payment_id]
        if payment.state == "requested" and self.answer in {"captured", "declined"}:
            payment.state = self.answer
            async with self.pool.acquire() as connection, connection.transaction():
                now = await lock_customers(connection, key)
                if self.answer == "captured":
                    await settled.money_came(
                        connection, key, self, payment.purchase_id, payment_id, payment.amount_minor, now
                    )
                else:
                    await settled.no_money_came(connection, key, payment.purchase_id, now)

    async def settle_refund(self, key: CustomerKey, refund_id: UUID) -> None:
        """Refunds are noted when they are promised."""

    @property
    def kept_minor(self) -> int:
        """What was captured, without what goes back."""
        return sum(
            one.amount_minor - sum(one.refunds.values())
            for one in self.payments.values()
            if one.state == "captured"
        )


class Street:
    """One operator's zone in Paris, and whoever parks there."""

    def __init__(self, pool: asyncpg.Pool, money: TestMoney) -> None:
        self.pool = pool
        self.money = money
        self.world = World(pool)
        self.plate_key = PlateKey(b"k" * 32)
        self.zone_id = 0
        self.operator_id = 0

    async def opens(self, *, pays_actual_time: bool = True, **tariff: Any) -> int:
        """A zone with this tariff; the fifteen-minute one where nothing is said."""
        self.operator_id = await self.world.retailer("City")
        rate = {"hours": HOURS, "lines": steps(*QUARTERS)} | tariff.pop("rate", {})
        terms = {"id": "T", "version": 1, "currency": "EUR", "rates": [rate], "fps_minor": 1200} | tariff
        tariff_id = await self.pool.fetchval(
            "INSERT INTO parking_tariffs (retailer_id, external_id, created_at) VALUES ($1, 'T', $2)"
            " RETURNING tariff_id",
            self.operator_id,
            LONG_AGO,
        )
        await self.pool.execute(
            "INSERT INTO parking_tariff_versions (tariff_id, version, terms, published_at)"
            " VALUES ($1, 1, $2, $3)",
            tariff_id,
            json.dumps(terms),
            LONG_AGO,
        )
        self.zone_id = await self.pool.fetchval(
            "INSERT INTO parking_zones (retailer_id, code, code_key, name, shape, time_zone, country,"
            " tariff_id, created_at, updated_at) VALUES ($1, '75001', '75001', 'Rue', ST_Multi(ST_Buffer("
            "ST_SetSRID(ST_MakePoint(2.35, 48.85), 4326)::geography, 50)::geometry), 'Europe/Paris', 'FR',"
            " $2, $3, $3) RETURNING zone_id",
            self.operator_id,
            tariff_id,
            LONG_AGO,
        )
        await self.pool.execute(
            "INSERT INTO parking_stay_rules (zone_id, pays_actual_time, updated_at) VALUES ($1, $2, $3)",
            self.zone_id,
            pays_actual_time,
            LONG_AGO,
        )
        return self.zone_id

    async def driver(self) -> Driver:
        """Somebody who consented to nothing at all."""
        customer_id = await self.world.customer(grants=[])
        return Driver(CustomerKey(bucket_of(customer_id), customer_id), self.money, self.plate_key)

    async def quote(
        self, driver: Driver, minutes: int = 60, plate: str | None = "AB-123-CD", **said: Any
    ) -> Quote:
        typed: Plate | None = None if plate is None else read_plate(plate, "FR")
        wish = {
            "zone": ZoneWish(self.zone_id, None, None),
            "plate": typed,
            "user_class": None,
            "starts_at": None,
            "until": None,
            "duration_min": minutes,
        } | said
        async with self.pool.acquire() as connection, connection.transaction():
            now = await lock_customers(connection, driver.key)
            return await make_quote(connection, driver.key, Wish(**wish), self.plate_key, now)

    async def begins(
        self, driver: Driver, quote: Quote, *, operation_id: UUID | None = None, **said: Any
    ) -> Session:
        """Begin, and let the money be asked for."""
        asked = Beginning(**{"quote_id": quote.quote_id, "method": "pm_ok", "remind_s": 600} | said)
        async with self.pool.acquire() as connection, connection.transaction():
            session = await driving.begin_stay(connection, driver, asked, operation_id or uuid4())
        return await self.settled(session)

    async def parks(self, driver: Driver, minutes: int = 60, plate: str = "AB-123-CD") -> Session:
        return await self.begins(driver, await self.quote(driver, minutes, plate))

    async def extends(self, driver: Driver, session: Session, minutes: int = 30, **said: Any) -> Session:
        asked = {"until": None, "duration_min": minutes, "method": "pm_ok", "price_minor": None} | said
        async with self.pool.acquire() as connection, connection.transaction():
            longer, _ = await driving.extend_stay(
                connection, driver, session.session_id, Longer(**asked), uuid4()
            )
        return await self.settled(longer)

    async def stops(self, driver: Driver, session: Session) -> Session:
        async with self.pool.acquire() as connection, connection.transaction():
            ended, _ = await driving.stop_stay(connection, driver, session.session_id)
        return ended

    async def settled(self, session: Session) -> Session:
        pending = session.stay.pending
        if pending is not None and pending.payment_id is not None:
            await self.money.settle(session.key, pending.payment_id)
        return await self.read(session)

    async def read(self, session: Session) -> Session:
        return await read_session(self.pool, session.key, session.session_id)

    async def rights(self) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await self.pool.fetch("SELECT * FROM parking_rights ORDER BY starts_at")
        return found
