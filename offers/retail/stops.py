"""What makes a stop immediate: waiting out the flushes that began before it was committed.

A flush whose lock-and-load came after the stop's commit reads the new `stop_version` and reloads.
One whose came before may still commit a delivery; it ends within the statement timeout, and
whoever acknowledges a stop waits for it here.
"""

import asyncio
from typing import Final

import asyncpg

# An id of our own, higher than any given out before. A snapshot's xmax will not do: it follows the
# newest transaction that has ended, and one that is still running may be newer.
_NEXT_XID: Final = "SELECT pg_current_xact_id()::text::bigint"
_OLDEST_RUNNING: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_LOOK_EVERY_S: Final = 0.005
_LONGEST_WAIT_S: Final = 15.0


async def settle(pool: asyncpg.Pool) -> None:
    """Return once every transaction that was writing when this was called has ended.

    Called after the stop's own commit, outside any transaction. Transactions are bounded by the
    statement and idle timeouts; past `_LONGEST_WAIT_S` it raises TimeoutError.
    """
    async with asyncio.timeout(_LONGEST_WAIT_S), pool.acquire() as connection:
        horizon = await connection.fetchval(_NEXT_XID)
        while await connection.fetchval(_OLDEST_RUNNING) < horizon:  # noqa: ASYNC110 - no event for this
            await asyncio.sleep(_LOOK_EVERY_S)
