"""What a withdrawal undoes, before it is acknowledged: what waits is cancelled, the place forgotten.

Recording the answer is in `offers.people.consent_records`.
"""

from datetime import datetime
from typing import Final

import asyncpg

from offers.consent import may_track, missing_among
from offers.people.customers import CustomerKey

_WAITING: Final = """
    SELECT delivery_id, retailer_id, channel FROM deliveries
    WHERE bucket = $1 AND customer_id = $2 AND handed_at IS NULL
      AND cancelled_at IS NULL AND redeemed_at IS NULL
"""
_CANCEL: Final = """
    UPDATE deliveries SET cancelled_at = $4, cancelled_because = 'consent_withdrawn'
    WHERE bucket = $1 AND customer_id = $2 AND delivery_id = ANY($3::uuid[])
"""
_FORGET_STATES: Final = """
    UPDATE device_states SET state = NULL
    WHERE bucket = $1 AND device_id IN (
        SELECT device_id FROM devices WHERE bucket = $1 AND customer_id = $2)
"""
_FORGET_TIMERS: Final = "DELETE FROM timers WHERE bucket = $1 AND customer_id = $2"


async def undo_uncovered(
    connection: asyncpg.Connection, key: CustomerKey, granted: frozenset[str], now: datetime
) -> None:
    """Cancel what no longer has a consent and was not handed over; forget where the person is."""
    waiting = await connection.fetch(_WAITING, *key)
    uncovered = [
        row["delivery_id"]
        for row in waiting
        if missing_among(granted, row["retailer_id"], row["channel"]) is not None
    ]
    await connection.execute(_CANCEL, *key, uncovered, now)
    if not may_track(granted):
        await connection.execute(_FORGET_STATES, *key)
        await connection.execute(_FORGET_TIMERS, *key)
