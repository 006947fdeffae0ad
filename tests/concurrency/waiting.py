"""Seeing in PostgreSQL that somebody waits for a lock, so that no test has to guess how long to sleep."""

from __future__ import annotations

import asyncio

import asyncpg

_BLOCKED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


async def until_blocked(rows: asyncpg.Pool, sessions: int = 1) -> None:
    """Return once that many sessions of this database wait for a lock of another one."""
    while await rows.fetchval(_BLOCKED) < sessions:  # noqa: ASYNC110 - no event for this
        await asyncio.sleep(0.005)
