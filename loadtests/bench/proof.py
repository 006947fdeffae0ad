"""What the rows say after a round: every answered fix is in the database, and the mix was the one meant."""

from dataclasses import dataclass
from typing import Final

import asyncpg

# A phone's state keeps the hashes of its last fix ids, eleven characters each, in "r".
HASH_CHARACTERS: Final = 11

REMEMBERED: Final = """
SELECT coalesce(sum(length(state->>'r') / $1), 0)::bigint FROM device_states WHERE state IS NOT NULL
"""

DURABLE: Final = "SELECT current_setting('fsync') = 'on' AND current_setting('synchronous_commit') = 'on'"


@dataclass(frozen=True)
class Rows:
    """Counts of rows at one moment."""

    fixes: int
    crossings: int
    deliveries: int
    naive_fixes: int


async def count(connection: asyncpg.Connection) -> Rows:
    return Rows(
        fixes=await connection.fetchval(REMEMBERED, HASH_CHARACTERS),
        crossings=await connection.fetchval("SELECT count(*) FROM crossings"),
        deliveries=await connection.fetchval("SELECT count(*) FROM deliveries"),
        naive_fixes=await connection.fetchval("SELECT sum(fixes) FROM naive_positions"),
    )


async def is_durable(connection: asyncpg.Connection) -> bool:
    durable: bool = await connection.fetchval(DURABLE)
    return durable


def demand(what: str, found: int, answered: int, made: int) -> None:
    """End the run unless every answered request, and none that was never made, is in the rows."""
    if not answered <= found <= made:
        raise SystemExit(
            f"bench: {what}: {answered} requests were answered and {made} made, but the rows hold {found}"
        )
