"""Looks: that an admin looked at a real person, and why. The person reads it in the export.

Owns writing the rows of `customer_looks`. Whoever calls it shows nothing before it is committed.
"""

from typing import Final
from uuid import uuid4

import asyncpg

from offers.people.customers import CustomerKey, lock_somebody

SHORTEST_REASON: Final = 10
LONGEST_REASON: Final = 500

_NOTE: Final = """
    INSERT INTO customer_looks (bucket, customer_id, look_id, key_id, reason, looked_at)
    VALUES ($1, $2, $3, $4, $5, $6)
"""


async def note_look(connection: asyncpg.Connection, key: CustomerKey, key_id: str, reason: str) -> None:
    """Write it down before anything is read. NotFound for a customer who is not there."""
    now = await lock_somebody(connection, key)
    await connection.execute(_NOTE, *key, uuid4(), key_id, reason, now)
