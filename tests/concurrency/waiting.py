"""Seeing that something has come about, so that no test has to guess how long to sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg

_BLOCKED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


async def until_blocked(rows: asyncpg.Pool, sessions: int = 1) -> None:
    """Return once that many sessions of this database wait for a lock of another one."""
    while await rows.fetchval(_BLOCKED) < sessions:  # noqa: ASYNC110 - no event for this
        await asyncio.sleep(0.005)


async def until(is_so: Callable[[], bool]) -> None:
    """Return once it is so; pytest's own limit ends a wait for what never comes."""
    while not is_so():  # noqa: ASYNC110 - no event for this
        await asyncio.sleep(0.005)
