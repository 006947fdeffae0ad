"""Who may undo a stop, and what makes it immediate: waiting out the flushes that began before it.

A flush whose lock-and-load came after the stop's commit reads the new `stop_version` and reloads.
One whose came before may still commit a delivery; it ends within the statement timeout, and
whoever acknowledges a stop waits for it here. Writing that something is stopped is the business of
`offers.retail.lifecycle` and `offers.retail.retailers`.
"""

import asyncio
from typing import Final, Literal

import asyncpg

from geo.errors import Forbidden

Stopper = Literal["retailer", "operator"]

# The transactions of this database that have written something or hold locks.
_WRITING: Final = """
SELECT pid, backend_xid::text AS xid FROM pg_stat_activity
WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
"""
_LOOK_EVERY_S: Final = 0.005
_LONGEST_WAIT_S: Final = 15.0


def refuse_resuming(stopped_by: str | None, by: Stopper) -> None:
    """Raise Forbidden if somebody else's stop would be undone: only an operator undoes an operator's."""
    if stopped_by == "operator" and by != "operator":
        raise Forbidden(
            "The operator stopped it, and only the operator resumes it.", code="stopped_by_operator"
        )


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
