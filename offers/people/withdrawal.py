"""What the end of a consent undoes: what is unseen is cancelled, what was kept for the purpose erased.

The same for a withdrawal (before it is acknowledged), a lapse, and an age band that allows less.
Recording the answer is in `offers.people.consent_records`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import asyncpg
import msgspec

from offers.consent import may_follow_car, may_track, missing_among
from offers.people.keys import CustomerKey
from offers.terms import DIETARY, PERSONALISATION

Because = Literal["consent_withdrawn", "consent_lapsed"]

# Handed over is not seen: one phone may have been told, and another would be told next.
_UNSEEN: Final = """
    SELECT delivery_id, retailer_id, channel FROM deliveries
    WHERE bucket = $1 AND customer_id = $2 AND shown_at IS NULL AND opened_at IS NULL
      AND cancelled_at IS NULL AND redeemed_at IS NULL
"""
_CANCEL: Final = """
    UPDATE deliveries SET cancelled_at = $4, cancelled_because = $5
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
_FORGET_HOLDS: Final = "DELETE FROM held_offers WHERE bucket = $1 AND customer_id = $2"

# A reminder of what somebody parks and pays for is no question about where they are: it stays.
_FORGET_PROMPTS: Final = """
    DELETE FROM parking_prompts
    WHERE bucket = $1 AND customer_id = $2 AND kind IN ('pay', 'stop')
"""

# What is kept of a person ($1 bucket, $2 customer) for one purpose alone, and goes with it. Every table
# that holds such a thing has its statement here. The state of location is below.
_KEPT_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    PERSONALISATION: (
        "UPDATE customers SET interests = '{}' WHERE bucket = $1 AND customer_id = $2",
        "DELETE FROM customer_attributes WHERE bucket = $1 AND customer_id = $2",
        "DELETE FROM customer_references WHERE bucket = $1 AND customer_id = $2",
    ),
    DIETARY: ("DELETE FROM customer_diets WHERE bucket = $1 AND customer_id = $2",),
}

_members_of: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
# Members of `geo.tracking.DeviceState` by the purpose they are kept for; the others serve both.
_ANSWER: Final = frozenset("a")
_FENCES: Final = frozenset("fm")
_CAR: Final = frozenset("v")


async def undo_uncovered(
    connection: asyncpg.Connection,
    key: CustomerKey,
    granted: frozenset[str],
    now: datetime,
    *,
    ended: frozenset[str],
    because: Because = "consent_withdrawn",
) -> None:
    """Cancel what no longer has a consent and nobody saw; erase what was kept for the purposes that ended.

    `granted` is what is left, `ended` what was answered with no or lapsed. The customer is locked.
    """
    unseen = await connection.fetch(_UNSEEN, *key)
    uncovered = [
        row["delivery_id"]
        for row in unseen
        if missing_among(granted, row["retailer_id"], row["channel"]) is not None
    ]
    if uncovered:
        await connection.execute(_CANCEL, *key, uncovered, now, because)
        await _forget_members(connection, key, _ANSWER)
    await erase_kept_for(connection, key, ended - granted)
    await _erase_whereabouts(
        connection, key, for_offers=may_track(granted), for_parking=may_follow_car(granted)
    )


async def _erase_whereabouts(
    connection: asyncpg.Connection, key: CustomerKey, *, for_offers: bool, for_parking: bool
) -> None:
    """What was remembered of where the phones are, but for what these purposes still need."""
    if not for_offers:
        await connection.execute(_FORGET_TIMERS, *key)
        await connection.execute(_FORGET_HOLDS, *key)
    if not for_parking:
        await connection.execute(_FORGET_PROMPTS, *key)
    if not (for_offers or for_parking):
        await connection.execute(_FORGET_STATES, *key)
    elif not for_offers:
        await _forget_members(connection, key, _FENCES)
    elif not for_parking:
        await _forget_members(connection, key, _CAR)


async def erase_kept_for(connection: asyncpg.Connection, key: CustomerKey, ended: frozenset[str]) -> None:
    """Erase what was kept for these purposes alone."""
    for purpose in sorted(ended):
        for statement in _KEPT_FOR.get(purpose, ()):
            await connection.execute(statement, *key)


async def _forget_members(
    connection: asyncpg.Connection, key: CustomerKey, forgotten: frozenset[str]
) -> None:
    r"""Members of the phones' states, and with them the answer that told of them.

    An answer that stays is given again to a batch that is sent again.

    Not in SQL: PostgreSQL cannot take apart a JSON text with a \u0000 in it, and phones name their fixes.
    """
    for row in await connection.fetch(_STATES, *key):
        members = _members_of(row["state"])
        if not members.keys().isdisjoint(forgotten):
            kept = {name: value for name, value in members.items() if name not in forgotten | _ANSWER}
            state = msgspec.json.encode(kept).decode()
            await connection.execute(_SET_STATE, key.bucket, row["device_id"], state)
