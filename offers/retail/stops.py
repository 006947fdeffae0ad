"""What makes a stop immediate: waiting out the flushes that began before it was committed.

A flush whose lock-and-load came after the stop's commit reads the new `stop_version` and reloads.
One whose came before may still commit a delivery; it ends within the statement timeout, and
whoever acknowledges a stop waits for it here.
"""

import asyncio
from typing import Final

import asyncpg

# The transactions of this database that have written something or hold locks.
_WRITING: Final = """
SELECT pid, backend_xid::text AS xid FROM pg_stat_activity
WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
"""
_LOOK_EVERY_S: Final = 0.005
_LONGEST_WAIT_S: Final = 15.0


async def settle(pool: asyncpg.Pool) -> None:
    """Return once every transaction that was writing when this was called has ended.

    Called after the stop's own commit, outside any transaction. One that begins to write later reads
    the stop; one that was writing is bounded by the statement and idle timeouts. Past
    `_LONGEST_WAIT_S` it raises TimeoutError. Holds no connection between two looks.
    """
    async with asyncio.timeout(_LONGEST_WAIT_S):
        waited_for = await _writing(pool)
        while waited_for:
            await asyncio.sleep(_LOOK_EVERY_S)
            waited_for &= await _writing(pool)


async def _writing(pool: asyncpg.Pool) -> set[tuple[int, str]]:
    return {(row["pid"], row["xid"]) for row in await pool.fetch(_WRITING)}
