"""What a phone reports of a delivery: shown, opened, dismissed, less like this.

The earliest time reported for each is kept, so that repeats and their order change nothing. A
phone that was away may report late: an expired delivery still takes events. One that was
cancelled is taken back, one that was never handed over was on no screen: they take none.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput, NotFound
from offers.people.customers import CustomerKey, lock_customers

DeliveryEvent = Literal["shown", "opened", "dismissed", "less_like_this"]
CLOCK_TOLERANCE: Final = timedelta(seconds=60)

_STATE: Final = """
    SELECT decided_at, handed_at, cancelled_at FROM deliveries
    WHERE bucket = $1 AND customer_id = $2 AND delivery_id = $3
"""
_NOTE: Final = {
    event: f"""
        UPDATE deliveries SET {event}_at = least({event}_at, $4)
        WHERE bucket = $1 AND customer_id = $2 AND delivery_id = $3
        RETURNING delivery_id, shown_at, opened_at, dismissed_at, less_like_this_at
    """  # noqa: S608 - the four columns named here
    for event in ("shown", "opened", "dismissed", "less_like_this")
}


class DeliveryReports(msgspec.Struct, frozen=True, kw_only=True):
    """When each thing was first reported of a delivery."""

    delivery_id: UUID
    shown_at: datetime | None
    opened_at: datetime | None
    dismissed_at: datetime | None
    less_like_this_at: datetime | None


async def note_event(
    connection: asyncpg.Connection,
    key: CustomerKey,
    delivery_id: UUID,
    event: DeliveryEvent,
    at: datetime | None = None,
) -> DeliveryReports:
    """Keep that it happened, `at` the phone's time or now.

    A time up to a minute ahead is taken as now and one before the decision as the decision's: the
    phone's clock is wrong by so much. NotFound for another customer's delivery.
    """
    now = await lock_customers(connection, key)
    if at is not None and at > now + CLOCK_TOLERANCE:
        raise InvalidInput("at is in the future.", faults=(Fault("at", "is in the future"),))
    row = await connection.fetchrow(_STATE, *key, delivery_id)
    if row is None:
        raise NotFound("There is no such delivery.")
    if row["cancelled_at"] is not None:
        raise Conflict("This delivery was cancelled.", code="delivery_cancelled")
    if row["handed_at"] is None:
        raise Conflict("This delivery was not handed over yet.", code="delivery_not_handed")
    happened_at = max(min(at or now, now), row["decided_at"]).astimezone(UTC)
    noted = await connection.fetchrow(_NOTE[event], *key, delivery_id, happened_at)
    return DeliveryReports(**dict(noted))
