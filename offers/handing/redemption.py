"""Redemption at the till: one code, once, while stock lasts.

Locks the customer, then the delivery, and takes the stock last, by one guarded update of the
offer's row: that row is everybody's, so it is held for the shortest time.
"""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput, NotFound
from offers.codes import bucket_of_code, normalise_code
from offers.people.customers import CustomerKey, Gone, lock_customers

_OF_CODE: Final = """
    SELECT customer_id, delivery_id FROM deliveries
    WHERE bucket = $1 AND code = $2 AND retailer_id = $3
"""
_OF_OPERATION: Final = """
    SELECT redemption_id, delivery_id, offer_id, redeemed_at FROM redemptions
    WHERE bucket = $1 AND operation_id = $2
"""
_LOCK_DELIVERY: Final = """
    SELECT offer_id, expires_at, cancelled_at, redeemed_at FROM deliveries
    WHERE bucket = $1 AND customer_id = $2 AND delivery_id = $3 FOR NO KEY UPDATE
"""
_TAKE_STOCK: Final = """
    UPDATE offer_budgets SET redeemed = redeemed + 1
    WHERE offer_id = $1 AND (redemptions_total IS NULL OR redeemed < redemptions_total)
    RETURNING coalesce(redeemed = redemptions_total, false) AS is_last
"""
_STOCK_CHANGED: Final = "UPDATE config_version SET version = version + 1"
_IS_COUNTED: Final = "SELECT 1 FROM offer_budgets WHERE offer_id = $1"
_MARK: Final = """
    UPDATE deliveries SET redeemed_at = $4
    WHERE bucket = $1 AND customer_id = $2 AND delivery_id = $3
"""
_ADD: Final = """
    INSERT INTO redemptions (bucket, customer_id, redemption_id, delivery_id, offer_id, retailer_id,
                             key_id, operation_id, redeemed_at, site_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_OWN_SITE: Final = "SELECT 1 FROM sites WHERE site_id = $1 AND retailer_id = $2"


class Till(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a retailer's till key, at one of the retailer's sites if it says which."""

    retailer_id: int
    key_id: str
    site_id: int | None = None


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """The offer used, once."""

    redemption_id: UUID
    delivery_id: UUID
    offer_id: int
    redeemed_at: datetime


async def redeem(
    connection: asyncpg.Connection, till: Till, typed_code: str, operation_id: UUID
) -> Redemption:
    """Use the code. The same `operation_id` again gives the same redemption again.

    Raises NotFound `code_unknown` (another retailer's code too), Conflict `already_redeemed`,
    `delivery_cancelled`, `code_expired`, `stock_exhausted`, or `operation_of_another_code` where the
    operation redeemed another code before: its key outlived what was kept of it.
    """
    code = normalise_code(typed_code)
    bucket = bucket_of_code(code)
    await _check_site(connection, till)
    found = await connection.fetchrow(_OF_CODE, bucket, code, till.retailer_id)
    if found is None:
        raise _unknown()
    key = CustomerKey(bucket, found["customer_id"])
    try:
        now = await lock_customers(connection, key)
    except Gone:  # erased since the code was found
        raise _unknown() from None
    done = await connection.fetchrow(_OF_OPERATION, bucket, operation_id)
    delivery_id = found["delivery_id"]
    if done is not None:
        return _done_before(done, delivery_id)
    offer_id = await _redeemable_offer(connection, key, delivery_id, now)
    await _take_stock(connection, offer_id)
    redemption = Redemption(
        redemption_id=uuid4(), delivery_id=delivery_id, offer_id=offer_id, redeemed_at=now
    )
    await _write(connection, key, till, redemption, operation_id)
    return redemption


def _unknown() -> NotFound:
    return NotFound("This code is not known here.", code="code_unknown")


def _done_before(done: asyncpg.Record, delivery_id: UUID) -> Redemption:
    if done["delivery_id"] != delivery_id:
        raise Conflict(
            "This Idempotency-Key redeemed another code before; send a new one.",
            code="operation_of_another_code",
        )
    return Redemption(**dict(done))


async def _redeemable_offer(
    connection: asyncpg.Connection, key: CustomerKey, delivery_id: UUID, now: datetime
) -> int:
    """The offer of a delivery that may be redeemed now, locked."""
    row = await connection.fetchrow(_LOCK_DELIVERY, *key, delivery_id)
    if row["redeemed_at"] is not None:
        raise Conflict("This code was already used.", code="already_redeemed")
    if row["cancelled_at"] is not None:
        raise Conflict("This offer was cancelled.", code="delivery_cancelled")
    if row["expires_at"] <= now:
        raise Conflict("This code has expired.", code="code_expired")
    offer_id: int = row["offer_id"]
    return offer_id


async def _take_stock(connection: asyncpg.Connection, offer_id: int) -> None:
    taken = await connection.fetchrow(_TAKE_STOCK, offer_id)
    if taken is not None:
        if taken["is_last"]:  # whoever decides keeps in memory what is left
            await connection.execute(_STOCK_CHANGED)
        return
    # An offer without a row of its own has no limits.
    if await connection.fetchval(_IS_COUNTED, offer_id) is not None:
        raise Conflict("Nothing is left of this offer.", code="stock_exhausted")


async def _write(
    connection: asyncpg.Connection,
    key: CustomerKey,
    till: Till,
    redemption: Redemption,
    operation_id: UUID,
) -> None:
    await connection.execute(_MARK, *key, redemption.delivery_id, redemption.redeemed_at)
    await connection.execute(
        _ADD,
        *key,
        redemption.redemption_id,
        redemption.delivery_id,
        redemption.offer_id,
        till.retailer_id,
        till.key_id,
        operation_id,
        redemption.redeemed_at,
        till.site_id,
    )


async def _check_site(connection: asyncpg.Connection, till: Till) -> None:
    if till.site_id is None:
        return
    if await connection.fetchval(_OWN_SITE, till.site_id, till.retailer_id) is None:
        reason = "is not a site of this retailer"
        raise InvalidInput(f"site_id {reason}.", faults=(Fault("site_id", reason),))
