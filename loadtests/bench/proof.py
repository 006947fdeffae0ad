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

# What a role or a database may be set to be excused from; a session of its own shows in no view.
EXCUSED: Final = """
SELECT DISTINCT coalesce(r.rolname, 'every role') || ': ' || setting
FROM pg_db_role_setting AS s CROSS JOIN unnest(s.setconfig) AS setting
LEFT JOIN pg_roles AS r ON r.oid = s.setrole
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND setting ~ '^synchronous_commit=' AND setting <> 'synchronous_commit=on'
"""

# From PostgreSQL 18 on they are counted with all other reads and writes.
SYNCS: Final = "SELECT wal_sync FROM pg_stat_wal"
SYNCS_18: Final = "SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'"


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


async def excused(connection: asyncpg.Connection) -> list[str]:
    """Settings by which sessions of this database would not wait for the disk, as `role: setting`."""
    return [row[0] for row in await connection.fetch(EXCUSED)]


async def wal_syncs(connection: asyncpg.Connection) -> int:
    """How often the log was forced to the disk, since the server began to count."""
    is_18 = connection.get_server_version().major >= 18
    syncs: int = await connection.fetchval(SYNCS_18 if is_18 else SYNCS)
    return syncs


async def inside_share(connection: asyncpg.Connection) -> float:
    """The share of the phones that sent their last fix from inside a fence."""
    share: float = await connection.fetchval(INSIDE)
    return share


def demand_mix(what: str, found: float, meant: float) -> None:
    """End the run when the load was not the one that is claimed: more than 40 % off."""
    if not 0.6 * meant <= found <= 1.4 * meant:
        raise SystemExit(f"bench: {what} is {found:.2%} of the fixes, {meant:.2%} was meant")


def demand_syncs(syncs: int, answered: int, at_once: int) -> None:
    """End the run unless the log was forced to the disk as often as that many answers take.

    Whoever is answered waited for it, and one sync lets at most all those go that wait at once. Half of
    that is enough here: sessions report what they did a second late.
    """
    if syncs < answered / at_once / 2:
        raise SystemExit(
            f"bench: {answered} answers after {syncs} syncs of the log: nobody waits for the disk"
        )


def demand(what: str, found: int, answered: int, made: int) -> None:
    """End the run unless every answered request, and none that was never made, is in the rows."""
    if not answered <= found <= made:
        raise SystemExit(
            f"bench: {what}: {answered} requests were answered and {made} made, but the rows hold {found}"
        )
