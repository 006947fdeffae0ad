"""Taking back what was decided and not handed over yet, when a retailer or an offer is stopped.

Owns the walk over the customers concerned. Does not own the stop itself, nor the wait for flushes
that were under way (`offers.retail.stops.settle`), which must come before.
"""

from itertools import groupby
from typing import Final
from uuid import UUID

import asyncpg

_MOST_AT_ONCE: Final = 500

_OFFERS_OF: Final = "SELECT coalesce(array_agg(offer_id), '{}') FROM offers WHERE retailer_id = $1"
_CONCERNED: Final = """
    SELECT DISTINCT bucket, customer_id FROM deliveries
    WHERE offer_id = ANY($1::bigint[]) AND handed_at IS NULL
      AND cancelled_at IS NULL AND redeemed_at IS NULL
    ORDER BY bucket, customer_id
"""
_LOCK: Final = """
    SELECT FROM customers WHERE bucket = $1 AND customer_id = ANY($2::uuid[])
    ORDER BY bucket, customer_id FOR NO KEY UPDATE
"""
_CANCEL: Final = """
    UPDATE deliveries SET cancelled_at = alentour_now(), cancelled_because = $4
    WHERE bucket = $1 AND customer_id = ANY($2::uuid[]) AND offer_id = ANY($3::bigint[])
      AND handed_at IS NULL AND cancelled_at IS NULL AND redeemed_at IS NULL
    RETURNING delivery_id
"""


async def cancel_of_retailer(pool: asyncpg.Pool, retailer_id: int, because: str) -> int:
    """Cancel every delivery of this retailer that no phone has; how many there were."""
    return await cancel_of_offers(pool, await pool.fetchval(_OFFERS_OF, retailer_id), because)


async def cancel_of_offers(pool: asyncpg.Pool, offer_ids: list[int], because: str) -> int:
    """The same for some offers. In short transactions, a few hundred customers of one bucket each."""
    concerned = [(row["bucket"], row["customer_id"]) for row in await pool.fetch(_CONCERNED, offer_ids)]
    cancelled = 0
    for bucket, rows in groupby(concerned, key=lambda row: row[0]):
        customers = [customer_id for _, customer_id in rows]
        for start in range(0, len(customers), _MOST_AT_ONCE):
            some = customers[start : start + _MOST_AT_ONCE]
            cancelled += await _cancel(pool, bucket, some, offer_ids, because)
    return cancelled


async def _cancel(
    pool: asyncpg.Pool, bucket: int, customer_ids: list[UUID], offer_ids: list[int], because: str
) -> int:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK, bucket, customer_ids)
        return len(await connection.fetch(_CANCEL, bucket, customer_ids, offer_ids, because))
