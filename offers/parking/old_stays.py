"""Stays that were kept long enough: they go with their purchases and with what inspectors could see of them.

The money stays in the payments' ledger, by its own period. In short transactions under the customers' locks,
by the domain's clock; called by `offers.people.leaving` for one bucket after the other.
"""

from datetime import datetime
from typing import Final

import asyncpg

from offers.parking.rights import forget_right

_OLD: Final = """
    SELECT customer_id, session_id, plate_hmac FROM parking_sessions
    WHERE bucket = $1 AND created_at < $2 AND state = 'ended' LIMIT $3
"""
_LOCK: Final = """
    SELECT FROM customers WHERE bucket = $1 AND customer_id = ANY($2::uuid[])
    ORDER BY bucket, customer_id FOR NO KEY UPDATE
"""
# With its purchases.
_DELETE: Final = """
    DELETE FROM parking_sessions
    WHERE bucket = $1 AND customer_id = $2 AND session_id = $3 AND state = 'ended'
"""


async def forget_old_stays(pool: asyncpg.Pool, bucket: int, before: datetime, at_once: int) -> int:
    """Of this bucket, those begun before; how many."""
    total = 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_OLD, bucket, before, at_once)
            await connection.execute(_LOCK, bucket, sorted({row["customer_id"] for row in rows}))
            for row in rows:
                await forget_right(connection, bytes(row["plate_hmac"]), row["session_id"])
                await connection.execute(_DELETE, bucket, row["customer_id"], row["session_id"])
        total += len(rows)
        if len(rows) < at_once:
            return total
