"""People of whom nothing is heard: who they are, and parting from them.

A fix, an answer, a delivery, a new token or any request (`devices.seen_on`) is a sign of life. Looked for
without locks and once more under them, so that whoever comes back at that moment stays.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from geo.errors import Unavailable
from offers.people.customers import CustomerKey, Gone
from offers.people.erasure import erase_held, hold
from offers.people.proofs import ProofKey
from offers.people.whereabouts import read_state
from offers.periods import LEFT_CUSTOMERS_KEPT

_NOBODY: Final = UUID(int=0)

# None of their phones can ever ask again.
_LEFT: Final = """
    SELECT c.customer_id FROM customers AS c
    WHERE c.bucket = $1 AND c.created_at < $2 AND c.customer_id > $3
      AND NOT EXISTS (SELECT FROM devices AS d WHERE d.bucket = c.bucket AND d.customer_id = c.customer_id
                      AND (d.status <> 'revoked' OR d.revoked_at >= $2))
    ORDER BY c.customer_id LIMIT $4
"""
_SILENT: Final = """
    SELECT c.customer_id FROM customers AS c
    WHERE c.bucket = $1 AND c.created_at < $2 AND c.customer_id > $3
      AND NOT EXISTS (SELECT FROM devices AS d WHERE d.bucket = c.bucket AND d.customer_id = c.customer_id
                      AND (d.created_at >= $2 OR d.revoked_at >= $2 OR d.seen_on >= $2::timestamptz::date))
      AND NOT EXISTS (SELECT FROM device_tokens AS t WHERE t.bucket = c.bucket
                      AND t.customer_id = c.customer_id AND t.created_at >= $2)
      AND NOT EXISTS (SELECT FROM consents AS k WHERE k.bucket = c.bucket
                      AND k.customer_id = c.customer_id AND k.recorded_at >= $2)
      AND NOT EXISTS (SELECT FROM crossings AS x WHERE x.bucket = c.bucket
                      AND x.customer_id = c.customer_id AND x.occurred_at >= $2)
      AND NOT EXISTS (SELECT FROM deliveries AS v WHERE v.bucket = c.bucket
                      AND v.customer_id = c.customer_id AND v.decided_at >= $2)
    ORDER BY c.customer_id LIMIT $4
"""
_STATES: Final = "SELECT state::text FROM device_states WHERE bucket = $1 AND customer_id = $2"


async def erase_the_silent(
    pool: asyncpg.Pool,
    bucket: int,
    now: datetime,
    silent_for: timedelta,
    proof_key: ProofKey,
    at_once: int,
) -> int:
    """Erase who has no active phone any more, or was not heard of for so long; how many that were."""
    total = 0
    for statement, before in ((_LEFT, now - LEFT_CUSTOMERS_KEPT), (_SILENT, now - silent_for)):
        last = _NOBODY
        while True:
            rows = await pool.fetch(statement, bucket, before, last, at_once)
            for (customer_id,) in rows:
                total += await _part_from(
                    pool, CustomerKey(bucket, customer_id), statement, before, proof_key
                )
            if len(rows) < at_once:
                break
            last = rows[-1]["customer_id"]
    return total


async def _part_from(
    pool: asyncpg.Pool, key: CustomerKey, statement: str, before: datetime, proof_key: ProofKey
) -> bool:
    """Erase somebody if it still holds under the locks that they were not heard of."""
    try:
        async with pool.acquire() as connection, connection.transaction():
            reach, now = await hold(connection, key)
            just_before = UUID(int=key.customer_id.int - 1)
            if await connection.fetchval(statement, key.bucket, before, just_before, 1) != key.customer_id:
                return False
            if any(at > before.timestamp() for at in await _last_fixes(connection, key)):
                return False
            await erase_held(connection, reach, proof_key, now)
            return True
    except Gone:  # another worker was first, or the person
        return False
    except (asyncpg.LockNotAvailableError, Unavailable):  # heard of at this very moment
        return False


async def _last_fixes(connection: asyncpg.Connection, key: CustomerKey) -> Iterator[float]:
    rows = await connection.fetch(_STATES, *key)
    states = (read_state(row["state"]) for row in rows)
    return (state.watermark_at for state in states if state is not None)
