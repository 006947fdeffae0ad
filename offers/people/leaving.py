"""Leaving by time: phones long revoked, deliveries nothing can count, people not heard of, old proofs.

What has to be counted or proven before it goes; the rest is `offers.engine.retention`'s, and who is not
heard of `offers.people.silence`'s. In short transactions under the usual locks, by the domain's clock.
Periods are in `offers.periods`. Any number of workers may do it at once.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
import structlog

from geo.errors import Unavailable
from offers.buckets import BUCKETS
from offers.parking.old_stays import forget_old_stays
from offers.payments.outliving import keep_ledger
from offers.people import installations
from offers.people.proofs import ProofKey, keep_redemptions
from offers.people.silence import erase_the_silent
from offers.periods import (
    CONSENT_PROOFS_KEPT,
    DELIVERIES_KEPT,
    DORMANT_AFTER_MONTHS,
    LEDGER_KEPT_YEARS,
    PARKING_KEPT_MONTHS,
    PAYMENTS_KEPT,
    PENDING_DEVICES_KEPT,
    PERMITS_KEPT,
    PLATES_KEPT_MONTHS,
    REVOKED_DEVICES_KEPT,
    months,
    years,
)
from offers.retail.outlived import keep_counts

EVERY_S: Final = 3_600.0
AT_ONCE: Final = 500

_NOW: Final = "SELECT alentour_now()"

_OLD_DEVICES: Final = """
    SELECT device_id, customer_id FROM devices
    WHERE bucket = $1 AND (revoked_at < $2 OR (status = 'pending' AND created_at < $3)) LIMIT $4
"""
_LOCK: Final = """
    SELECT FROM customers WHERE bucket = $1 AND customer_id = ANY($2::uuid[])
    ORDER BY bucket, customer_id FOR NO KEY UPDATE
"""
_FORGET_DEVICES: Final = """
    DELETE FROM devices WHERE bucket = $1 AND device_id = ANY($2::uuid[]) AND status <> 'active'
    RETURNING device_id
"""

_OLD_DELIVERIES: Final = """
    SELECT customer_id, delivery_id FROM deliveries
    WHERE bucket = $1 AND decided_at < $2 AND expires_at < $3 LIMIT $4
"""
# An offer that has not ended may be limited "for ever": which one and when goes on to count.
_CONDENSE: Final = """
    INSERT INTO earlier_deliveries (bucket, customer_id, delivery_id, offer_id, retailer_id, channel, tags,
                                    counts_toward_caps, was_dismissed, decided_at)
    SELECT d.bucket, d.customer_id, d.delivery_id, d.offer_id, d.retailer_id, d.channel, d.tags,
           d.counts_toward_caps, d.dismissed_at IS NOT NULL OR d.less_like_this_at IS NOT NULL, d.decided_at
    FROM deliveries AS d
    WHERE d.bucket = $1 AND d.customer_id = ANY($2::uuid[]) AND d.delivery_id = ANY($3::uuid[])
      AND d.handed_at IS NOT NULL
      AND EXISTS (SELECT FROM offers AS o WHERE o.offer_id = d.offer_id AND o.status <> 'ended')
    ON CONFLICT DO NOTHING
"""
_FORGET_WHO_CLAIMED: Final = """
    UPDATE offer_codes SET bucket = NULL, customer_id = NULL, delivery_id = NULL
    WHERE bucket = $1 AND customer_id = ANY($2::uuid[]) AND delivery_id = ANY($3::uuid[])
"""
_DELETE: Final = tuple(
    f"DELETE FROM {table} WHERE bucket = $1"  # noqa: S608 - the two names in this line's loop
    " AND customer_id = ANY($2::uuid[]) AND delivery_id = ANY($3::uuid[])"
    for table in ("redemptions", "deliveries")
)
_FORGET_EARLIER: Final = """
    DELETE FROM earlier_deliveries AS e
    WHERE e.bucket = $1 AND e.decided_at < $2
      AND NOT EXISTS (SELECT FROM offers AS o WHERE o.offer_id = e.offer_id AND o.status <> 'ended')
"""

_FORGET_CONSENT_PROOFS: Final = "DELETE FROM consent_proofs WHERE bucket = $1 AND erased_on < $2"
_FORGET_REDEMPTION_PROOFS: Final = "DELETE FROM redemption_proofs WHERE bucket = $1 AND redeemed_on < $2"
_FORGET_PLATES: Final = "DELETE FROM parking_plates WHERE bucket = $1 AND used_on < $2"
_FORGET_PERMITS: Final = "DELETE FROM parking_permits WHERE valid_until < $1"
# Nothing that is still on its way; what is refunded later than this is the provider's page's.
_OLD_PAYMENTS: Final = """
    SELECT customer_id, payment_id FROM payments
    WHERE bucket = $1 AND created_at < $2 AND look_at IS NULL AND refunding_minor = 0 LIMIT $3
"""
_FORGET_LEDGER_PROOFS: Final = "DELETE FROM ledger_proofs WHERE bucket = $1 AND posted_on < $2"

_log: Final = structlog.get_logger("alentour.leaving")


class Leaving(msgspec.Struct, frozen=True):
    """What the operator chose, and the key that proofs are under."""

    proof_key: ProofKey
    dormant_after_months: int = DORMANT_AFTER_MONTHS
    ledger_kept_years: int = LEDGER_KEPT_YEARS
    plates_kept_months: int = PLATES_KEPT_MONTHS
    parking_kept_months: int = PARKING_KEPT_MONTHS


class Left(msgspec.Struct):
    """How many of each went."""

    devices: int = 0
    deliveries: int = 0
    earlier_deliveries: int = 0
    customers: int = 0
    payments: int = 0
    proofs: int = 0
    plates: int = 0
    parking_sessions: int = 0
    permits: int = 0


async def let_go(pool: asyncpg.Pool, leaving: Leaving) -> None:
    """Every hour, until cancelled."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await let_go_now(pool, leaving)
        except Exception as error:  # noqa: BLE001 - the next hour tries again; a dead task never
            _log.warning("leaving_failed", error=type(error).__name__)


async def let_go_now(pool: asyncpg.Pool, leaving: Leaving, at_once: int = AT_ONCE) -> Left:
    """Let go of all that is too old now."""
    now: datetime = await pool.fetchval(_NOW)
    left = Left()
    for bucket in range(BUCKETS):
        left.devices += await _attempt(_devices(pool, bucket, now, at_once))
        left.deliveries += await _attempt(_deliveries(pool, bucket, now, leaving.proof_key, at_once))
        left.earlier_deliveries += await _attempt(_earlier_deliveries(pool, bucket, now))
        left.payments += await _attempt(_payments(pool, bucket, now, leaving.proof_key, at_once))
        left.customers += await _attempt(_people(pool, bucket, now, leaving, at_once))
        left.plates += await _attempt(_plates(pool, bucket, now, leaving))
        before = now - months(leaving.parking_kept_months)
        left.parking_sessions += await _attempt(forget_old_stays(pool, bucket, before, at_once))
        left.proofs += await _attempt(_proofs(pool, bucket, now, leaving))
    left.permits = await _attempt(_permits(pool, now))
    return left


async def _attempt(chore: Awaitable[int]) -> int:
    """How much one chore let go of; what is locked, or broken, holds up no other."""
    try:
        return await chore
    except (asyncpg.PostgresError, Unavailable) as error:
        _log.warning("leaving_failed", error=type(error).__name__)
        return 0


async def _earlier_deliveries(pool: asyncpg.Pool, bucket: int, now: datetime) -> int:
    return _count(await pool.execute(_FORGET_EARLIER, bucket, now - DELIVERIES_KEPT))


async def _devices(pool: asyncpg.Pool, bucket: int, now: datetime, at_once: int) -> int:
    total = 0
    before = now - REVOKED_DEVICES_KEPT, now - PENDING_DEVICES_KEPT
    while True:
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_OLD_DEVICES, bucket, *before, at_once)
            total += await _forget_devices(connection, bucket, rows)
        if len(rows) < at_once:
            return total


async def _forget_devices(connection: asyncpg.Connection, bucket: int, rows: Sequence[asyncpg.Record]) -> int:
    """An app that comes back with a forgotten installation is somebody new, as one that was revoked is."""
    devices = [row["device_id"] for row in rows]
    found = await installations.of_devices(connection, [(bucket, device_id) for device_id in devices])
    held = [(one, await installations.lock(connection, one)) for one in found]
    await connection.execute(_LOCK, bucket, [row["customer_id"] for row in rows])
    gone = {row["device_id"] for row in await connection.fetch(_FORGET_DEVICES, bucket, devices)}
    for installation, known in held:
        if known is not None and known.device_id in gone:
            await installations.forget(connection, installation)
    return len(gone)


async def _deliveries(
    pool: asyncpg.Pool, bucket: int, now: datetime, proof_key: ProofKey, at_once: int
) -> int:
    total = 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_OLD_DELIVERIES, bucket, now - DELIVERIES_KEPT, now, at_once)
            customers = sorted({row["customer_id"] for row in rows})
            await connection.execute(_LOCK, bucket, customers)
            await _condense(connection, bucket, customers, [row["delivery_id"] for row in rows], proof_key)
        total += len(rows)
        if len(rows) < at_once:
            return total


async def _condense(
    connection: asyncpg.Connection,
    bucket: int,
    customers: Sequence[UUID],
    deliveries: list[UUID],
    proof_key: ProofKey,
) -> None:
    await keep_redemptions(connection, bucket, customers, proof_key, deliveries)
    await keep_counts(connection, bucket, customers, deliveries)
    for statement in (_CONDENSE, _FORGET_WHO_CLAIMED, *_DELETE):
        await connection.execute(statement, bucket, customers, deliveries)


async def _payments(pool: asyncpg.Pool, bucket: int, now: datetime, proof_key: ProofKey, at_once: int) -> int:
    total = 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_OLD_PAYMENTS, bucket, now - PAYMENTS_KEPT, at_once)
            customers = sorted({row["customer_id"] for row in rows})
            await connection.execute(_LOCK, bucket, customers)
            await keep_ledger(connection, bucket, customers, proof_key, [row["payment_id"] for row in rows])
        total += len(rows)
        if len(rows) < at_once:
            return total


async def _people(pool: asyncpg.Pool, bucket: int, now: datetime, leaving: Leaving, at_once: int) -> int:
    silent_for = months(leaving.dormant_after_months)
    return await erase_the_silent(pool, bucket, now, silent_for, leaving.proof_key, at_once)


async def _proofs(pool: asyncpg.Pool, bucket: int, now: datetime, leaving: Leaving) -> int:
    consents_before = (now - CONSENT_PROOFS_KEPT).date()
    books_before = (now - years(leaving.ledger_kept_years)).date()
    forgotten = _count(await pool.execute(_FORGET_CONSENT_PROOFS, bucket, consents_before))
    for statement in (_FORGET_REDEMPTION_PROOFS, _FORGET_LEDGER_PROOFS):
        forgotten += _count(await pool.execute(statement, bucket, books_before))
    return forgotten


async def _plates(pool: asyncpg.Pool, bucket: int, now: datetime, leaving: Leaving) -> int:
    """Whoever parks with one at this moment notes the day first, and it is found used."""
    before = (now - months(leaving.plates_kept_months)).date()
    return _count(await pool.execute(_FORGET_PLATES, bucket, before))


async def _permits(pool: asyncpg.Pool, now: datetime) -> int:
    return _count(await pool.execute(_FORGET_PERMITS, now - PERMITS_KEPT))


def _count(tag: str) -> int:
    """The number at the end of `DELETE 12`."""
    return int(tag.rpartition(" ")[2])
