"""What the rows say after a round: every answered fix is in the database, and the mix was the one meant."""

from dataclasses import dataclass
from typing import Final

import asyncpg

# A phone's state keeps the hashes of its last fix ids, eleven characters each, in "r".
HASH_CHARACTERS: Final = 11

REMEMBERED: Final = """
SELECT coalesce(sum(length(state->>'r') / $1), 0)::bigint FROM device_states WHERE state IS NOT NULL
"""

# Where the phones were last, by their own states: the position is [time, lat, lon, accuracy] in "l".
INSIDE: Final = """
SELECT avg(EXISTS (
    SELECT FROM fences
    WHERE ST_Covers(shape, ST_SetSRID(ST_MakePoint((state->'l'->>2)::float8, (state->'l'->>1)::float8), 4326))
)::integer)::float8
FROM device_states WHERE state IS NOT NULL
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


async def inside_share(connection: asyncpg.Connection) -> float:
    """The share of the phones that sent their last fix from inside a fence."""
    share: float = await connection.fetchval(INSIDE)
    return share


def demand_mix(what: str, found: float, meant: float) -> None:
    """End the run when the load was not the one that is claimed: more than 40 % off."""
    if not 0.6 * meant <= found <= 1.4 * meant:
        raise SystemExit(f"bench: {what} is {found:.2%} of the fixes, {meant:.2%} was meant")


def demand(what: str, found: int, answered: int, made: int) -> None:
    """End the run unless every answered request, and none that was never made, is in the rows."""
    if not answered <= found <= made:
        raise SystemExit(
            f"bench: {what}: {answered} requests were answered and {made} made, but the rows hold {found}"
        )
