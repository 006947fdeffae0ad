"""What a withdrawal undoes, before it is acknowledged: what is unseen is cancelled, the place forgotten.

Recording the answer is in `offers.people.consent_records`.
"""

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from offers.consent import may_track, missing_among
from offers.people.customers import CustomerKey

# Handed over is not seen: one phone may have been told, and another would be told next.
_UNSEEN: Final = """
    SELECT delivery_id, retailer_id, channel FROM deliveries
    WHERE bucket = $1 AND customer_id = $2 AND shown_at IS NULL AND opened_at IS NULL
      AND cancelled_at IS NULL AND redeemed_at IS NULL
"""
_CANCEL: Final = """
    UPDATE deliveries SET cancelled_at = $4, cancelled_because = 'consent_withdrawn'
    WHERE bucket = $1 AND customer_id = $2 AND delivery_id = ANY($3::uuid[])
"""
_STATES: Final = """
    SELECT device_id, state::text AS state FROM device_states
    WHERE bucket = $1 AND state IS NOT NULL AND device_id IN (
        SELECT device_id FROM devices WHERE bucket = $1 AND customer_id = $2)
"""
_SET_STATE: Final = "UPDATE device_states SET state = $3 WHERE bucket = $1 AND device_id = $2"
_FORGET_STATES: Final = """
    UPDATE device_states SET state = NULL
    WHERE bucket = $1 AND device_id IN (
        SELECT device_id FROM devices WHERE bucket = $1 AND customer_id = $2)
"""
_FORGET_TIMERS: Final = "DELETE FROM timers WHERE bucket = $1 AND customer_id = $2"

_members_of: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_ANSWER: Final = "a"


async def undo_uncovered(
    connection: asyncpg.Connection, key: CustomerKey, granted: frozenset[str], now: datetime
) -> None:
    """Cancel what no longer has a consent and nobody saw; forget where the person is if that is over."""
    unseen = await connection.fetch(_UNSEEN, *key)
    uncovered = [
        row["delivery_id"]
        for row in unseen
        if missing_among(granted, row["retailer_id"], row["channel"]) is not None
    ]
    if uncovered:
        await connection.execute(_CANCEL, *key, uncovered, now)
        await _forget_answers(connection, key)
    if not may_track(granted):
        await connection.execute(_FORGET_STATES, *key)
        await connection.execute(_FORGET_TIMERS, *key)


async def _forget_answers(connection: asyncpg.Connection, key: CustomerKey) -> None:
    r"""Else a batch that is sent again is answered again, offers and all (`geo.tracking.DeviceState`).

    Not in SQL: PostgreSQL cannot take apart a JSON text with a \u0000 in it, and phones name their fixes.
    """
    for row in await connection.fetch(_STATES, *key):
        members = _members_of(row["state"])
        if members.pop(_ANSWER, None) is not None:
            state = msgspec.json.encode(members).decode()
            await connection.execute(_SET_STATE, key.bucket, row["device_id"], state)
