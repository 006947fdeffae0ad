"""Units of budgets that come back: of deliveries that were cancelled or expired before anybody had them.

And of those of offers with a pool of codes whose code nobody asked for in time. A delivery that gave its
unit back carries no lease any more; where its lease still runs, the unit goes back with that one. Owns
finding and returning, in short transactions, the customers locked first.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

AT_ONCE: Final = 500

_NOW: Final = "SELECT alentour_now()"
_NEVER_HANDED: Final = """
SELECT d.customer_id, d.delivery_id FROM deliveries d
WHERE d.bucket = $1 AND d.lease_id IS NOT NULL AND d.handed_at IS NULL
  AND (d.cancelled_at IS NOT NULL OR d.expires_at <= $2)
LIMIT $3
"""
_CODE_NEVER_CLAIMED: Final = """
SELECT d.customer_id, d.delivery_id
FROM offers o
JOIN deliveries d ON d.offer_id = o.offer_id AND d.bucket = $1
WHERE o.code_format IS NOT NULL AND d.lease_id IS NOT NULL AND d.redeemed_at IS NULL
  AND (d.cancelled_at IS NOT NULL OR d.expires_at <= $2)
  AND NOT EXISTS (SELECT FROM offer_codes c WHERE c.bucket = d.bucket AND c.customer_id = d.customer_id
                  AND c.delivery_id = d.delivery_id)
LIMIT $3
"""
_LOCK: Final = """
SELECT FROM customers WHERE bucket = $1 AND customer_id = ANY($2::uuid[])
ORDER BY bucket, customer_id FOR NO KEY UPDATE
"""
# A statement of its own, under the locks: handing over and claiming a code take them, too.
_STILL: Final = """
SELECT d.customer_id, d.delivery_id, d.offer_id, d.lease_id, d.decided_at FROM deliveries d
JOIN offers o ON o.offer_id = d.offer_id
WHERE d.bucket = $1 AND d.customer_id = ANY($2::uuid[]) AND d.delivery_id = ANY($3::uuid[])
  AND d.lease_id IS NOT NULL AND d.redeemed_at IS NULL
  AND (d.cancelled_at IS NOT NULL OR d.expires_at <= $4)
  AND (d.handed_at IS NULL OR (o.code_format IS NOT NULL AND NOT EXISTS (
      SELECT FROM offer_codes c WHERE c.bucket = d.bucket AND c.customer_id = d.customer_id
      AND c.delivery_id = d.delivery_id)))
"""
# Whoever ends a lease skips those that are held here, and counts without these deliveries afterwards.
_RUNNING: Final = """
SELECT lease_id FROM budget_leases WHERE lease_id = ANY($1::uuid[]) ORDER BY lease_id FOR KEY SHARE
"""
_LET_GO: Final = """
UPDATE deliveries SET lease_id = NULL
WHERE bucket = $1 AND customer_id = ANY($2::uuid[]) AND delivery_id = ANY($3::uuid[])
"""
_RETURN: Final = """
SELECT return_units(
    b.offer_id, 1, period_start('day', b.time_zone, $2), period_start('week', b.time_zone, $2))
FROM offer_budgets b WHERE b.offer_id = $1
"""


async def release_never_handed(pool: asyncpg.Pool, bucket: int) -> int:
    """Return the units of what no phone was given; how many were found."""
    return await _release(pool, bucket, _NEVER_HANDED)


async def release_never_claimed(pool: asyncpg.Pool, bucket: int) -> int:
    """Return the units of pooled codes that were never asked for; how many were found."""
    return await _release(pool, bucket, _CODE_NEVER_CLAIMED)


async def _release(pool: asyncpg.Pool, bucket: int, wanted: str) -> int:
    async with pool.acquire() as connection, connection.transaction():
        now: datetime = await connection.fetchval(_NOW)
        rows = await connection.fetch(wanted, bucket, now, AT_ONCE)
        if not rows:
            return 0
        customers = [row["customer_id"] for row in rows]
        await connection.execute(_LOCK, bucket, customers)
        deliveries = [row["delivery_id"] for row in rows]
        still = await connection.fetch(_STILL, bucket, customers, deliveries, now)
        leases = [row["lease_id"] for row in still]
        running: set[UUID] = {row["lease_id"] for row in await connection.fetch(_RUNNING, leases)}
        await connection.execute(
            _LET_GO, bucket, [row["customer_id"] for row in still], [row["delivery_id"] for row in still]
        )
        for row in sorted(still, key=lambda row: row["offer_id"]):
            if row["lease_id"] not in running:
                await connection.execute(_RETURN, row["offer_id"], row["decided_at"])
    return len(still)
