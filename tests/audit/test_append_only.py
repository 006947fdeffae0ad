"""Nobody edits the audit log, and only what is two years old leaves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from offers.engine.retention import forget
from offers.periods import AUDIT_KEPT
from tests.world import World

NOW = datetime(2031, 6, 4, 9, 0, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


@pytest.fixture
async def world(pool: asyncpg.Pool) -> World:
    world = World(pool)
    await world.stands_still_at(NOW)
    return world


async def wrote(pool: asyncpg.Pool, at: datetime, operation: str = "editOffer") -> int:
    entry_id: int = await pool.fetchval(
        "INSERT INTO audit_log (recorded_at, role, operation) VALUES ($1, 'command', $2) RETURNING entry_id",
        at,
        operation,
    )
    return entry_id


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET operation = 'another'",
        "UPDATE audit_log SET operation = 'another' WHERE false",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        (
            "INSERT INTO audit_log (entry_id, recorded_at, role, operation) OVERRIDING SYSTEM VALUE"
            " SELECT entry_id, recorded_at, role, 'another' FROM audit_log"
            " ON CONFLICT (entry_id) DO UPDATE SET operation = 'another'"
        ),
    ],
)
async def test_an_entry_is_neither_changed_nor_deleted(pool: asyncpg.Pool, statement: str) -> None:
    await wrote(pool, NOW)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await pool.execute(statement)
    assert await pool.fetchval("SELECT operation FROM audit_log") == "editOffer"


async def test_after_two_years_an_entry_is_forgotten_and_no_younger_one(world: World) -> None:
    pool = world.sql
    assert isinstance(pool, asyncpg.Pool)
    for age in (AUDIT_KEPT + A_SECOND, AUDIT_KEPT * 2, AUDIT_KEPT, timedelta(0)):
        await wrote(pool, NOW - age)
    assert (await forget(pool, at_once=1)).audit_entries == 2
    kept = [row["recorded_at"] for row in await pool.fetch("SELECT recorded_at FROM audit_log ORDER BY 1")]
    assert kept == [NOW - AUDIT_KEPT, NOW]


async def test_nothing_of_the_last_year_is_forgotten_whatever_is_asked(world: World) -> None:
    year = timedelta(days=365)
    assert isinstance(world.sql, asyncpg.Pool)
    for age in (year - timedelta(days=2), year + timedelta(days=2)):
        await wrote(world.sql, NOW - age)
    assert await world.sql.fetchval("SELECT forget_audit_entries('infinity', 100)") == 1
    assert await world.sql.fetchval("SELECT count(*) FROM audit_log") == 1


async def test_forgetting_opens_the_log_to_nothing_else(world: World) -> None:
    assert isinstance(world.sql, asyncpg.Pool)
    await wrote(world.sql, NOW)
    async with world.sql.acquire() as connection, connection.transaction():
        await connection.execute("SELECT forget_audit_entries($1, 100)", NOW)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM audit_log")


async def test_an_entry_about_a_customer_cannot_name_one(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "INSERT INTO audit_log (recorded_at, role, operation, subject_kind, subject_id)"
            " VALUES ($1, 'command', 'look', 'customer', 'somebody')",
            NOW,
        )
