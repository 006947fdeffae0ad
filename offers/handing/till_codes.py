"""The code a customer shows at the till: the delivery's own, or one of the retailer's pool, once.

A code of the pool is claimed when the phone asks for it, so that codes are not spent on offers nobody
uses, and stays this delivery's for ever: somebody has seen it. Locks the customer first.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import Conflict, NotFound, Unavailable
from offers.people.customers import CustomerKey, lock_customers

_DELIVERY: Final = """
    SELECT d.code, d.offer_id, d.expires_at, d.handed_at, d.cancelled_at, d.redeemed_at, o.code_format
    FROM deliveries d JOIN offers o ON o.offer_id = d.offer_id
    WHERE d.bucket = $1 AND d.customer_id = $2 AND d.delivery_id = $3
"""
_CLAIMED: Final = """
    SELECT code FROM offer_codes
    WHERE bucket = $1 AND customer_id = $2 AND delivery_id = $3
"""
_CLAIM: Final = """
    UPDATE offer_codes SET bucket = $1, customer_id = $2, delivery_id = $3, claimed_at = $4
    WHERE offer_id = $5 AND code = (
        SELECT code FROM offer_codes WHERE offer_id = $5 AND claimed_at IS NULL
        LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING code
"""


class TillCode(msgspec.Struct, frozen=True, kw_only=True):
    """What to show: `payload` drawn in `format` (`qr`, `ean_13`, `ean_8`, `code_128`), or read aloud."""

    delivery_id: UUID
    format: str
    payload: str
    expires_at: datetime


async def claim_code(connection: asyncpg.Connection, key: CustomerKey, delivery_id: UUID) -> TillCode:
    """The delivery's code; the same one however often it is asked for.

    Raises NotFound for another customer's delivery; Conflict `delivery_cancelled`, `code_expired` or
    `delivery_not_handed`.
    """
    now = await lock_customers(connection, key)
    row = await connection.fetchrow(_DELIVERY, *key, delivery_id)
    if row is None:
        raise NotFound("There is no such delivery.")
    _refuse_unusable(row, now)
    code = row["code"]
    if row["code_format"] is not None:
        code = await connection.fetchval(_CLAIMED, *key, delivery_id)
        if code is None:
            code = await connection.fetchval(_CLAIM, *key, delivery_id, now, row["offer_id"])
        if code is None:  # all that are left are held by others this very moment
            raise Unavailable("No code is free just now; ask again.", code="unavailable")
    return TillCode(
        delivery_id=delivery_id,
        format=row["code_format"] or "qr",
        payload=code,
        expires_at=row["expires_at"],
    )


def _refuse_unusable(row: asyncpg.Record, now: datetime) -> None:
    if row["cancelled_at"] is not None:
        raise Conflict("This delivery was cancelled.", code="delivery_cancelled")
    if row["expires_at"] <= now:
        raise Conflict("This code has expired.", code="code_expired")
    if row["handed_at"] is None:
        raise Conflict("This delivery was not handed over yet.", code="delivery_not_handed")
