"""Whether the driver of a car that stopped is asked to pay, and of one that drove off, to stop paying.

Called by a flush under the customers' locks, for the few phones of which `geo.vehicles` noticed something.
Where a car stopped is compared with the zones as a phone that asks would have it (`offers.parking.around`);
the position is used and not kept. What is asked is written in the flush's own transaction.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import asyncpg

from geo.vehicles import CarEvent
from offers.parking.around import read_zones_around
from offers.parking.paying_now import PayingNow
from offers.parking.prompts import HOLDS_FOR, ParkingPrompt, prompt, zones_asked_about
from offers.people.keys import CustomerKey

# A car that stopped longer ago has long been paid for, or left.
STALE_AFTER: Final = timedelta(minutes=15)
# Below this the car more probably stands somewhere else, where nothing is to be paid.
LEAST_CONFIDENCE: Final = 0.2
# Parking that is to be paid within so long is asked about at once.
PAID_WITHIN: Final = timedelta(minutes=15)
CLEARLY_OUTSIDE_M: Final = 20.0

_RUNNING: Final = """
    SELECT s.session_id, s.zone_id, s.ends_at,
           ST_Distance(z.shape::geography, ST_SetSRID(ST_MakePoint($3, $4), 4326)::geography) AS distance_m
    FROM parking_sessions AS s JOIN parking_zones AS z ON z.zone_id = s.zone_id
    WHERE s.bucket = $1 AND s.customer_id = $2 AND s.state = 'active'
    ORDER BY s.session_id
"""


class Car(Protocol):
    """The phone in a car, and the answer in which it may be asked; the engine's is `following.CarSeen`."""

    @property
    def event(self) -> CarEvent: ...
    @property
    def key(self) -> CustomerKey: ...
    @property
    def device_id(self) -> UUID: ...
    def is_asked(self, asked: ParkingPrompt) -> None: ...
    def has_left(self) -> None: ...


async def ask_drivers(connection: asyncpg.Connection, cars: Iterable[Car], now: datetime) -> None:
    """Ask about each of these in turn: what one phone of a customer is asked, another is not."""
    for car in cars:
        if car.event.kind == "stopped":
            await _ask_to_pay(connection, car, now)
        else:
            await _ask_to_stop(connection, car, now)


async def _ask_to_pay(connection: asyncpg.Connection, car: Car, now: datetime) -> None:
    event = car.event
    if now - datetime.fromtimestamp(event.at, UTC) > STALE_AFTER:
        return
    zone_ids = await _zones_to_pay_in(connection, event, now)
    if not zone_ids:
        return
    here = (*car.key, event.lon, event.lat)
    paid_for = {row["zone_id"] for row in await connection.fetch(_RUNNING, *here)}
    asked_before = await zones_asked_about(connection, car.key, now - HOLDS_FOR)
    if not (paid_for | asked_before).isdisjoint(zone_ids):
        return
    asked = await prompt(connection, car.key, "pay", zone_ids=zone_ids, now=now, device_id=car.device_id)
    if asked is not None:
        car.is_asked(asked)


async def _zones_to_pay_in(connection: asyncpg.Connection, event: CarEvent, now: datetime) -> list[int]:
    """Where the car probably stands, the likeliest first, and would have to pay soon."""
    around = await read_zones_around(
        connection, event.lat, event.lon, event.accuracy_m, language="en", now=now
    )
    return [
        one.zone_id
        for one in around.zones
        if one.confidence >= LEAST_CONFIDENCE and one.price is not None and _is_to_be_paid(one.price.now, now)
    ]


def _is_to_be_paid(paying: PayingNow, now: datetime) -> bool:
    """By a visitor, also where the first minutes are free: they are bought too."""
    if paying.state == "free":
        return paying.changes_at is not None and paying.changes_at <= now + PAID_WITHIN
    return paying.state == "paid"


async def _ask_to_stop(connection: asyncpg.Connection, car: Car, now: datetime) -> None:
    """Once the car is clearly out of the zone it is paid for; until then it is looked at again."""
    event = car.event
    running = await connection.fetch(_RUNNING, *car.key, event.lon, event.lat)
    still = [row for row in running if row["distance_m"] <= event.accuracy_m + CLEARLY_OUTSIDE_M]
    if not still:
        car.has_left()
    for row in running:
        if row not in still and row["ends_at"] > now:
            asked = await prompt(
                connection,
                car.key,
                "stop",
                zone_ids=[row["zone_id"]],
                session_id=row["session_id"],
                now=now,
                device_id=car.device_id,
                expires_at=min(row["ends_at"], now + HOLDS_FOR),
            )
            if asked is not None:
                car.is_asked(asked)
