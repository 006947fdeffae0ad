"""The one clock: which mode a database runs in, and moving simulated time.

A database keeps its mode for life: on simulated time, rows may lie years ahead of the machine's
clock, and on real time nobody may turn the clock. Owns the `clock` row, and no waiting for the
work that becomes due (that is the engine's `settle`).
"""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput

ClockMode = Literal["normal", "simulated"]

LONGEST_STEP_S: Final = 366 * 86_400
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)

_READ: Final = "SELECT mode, ticking_since IS NOT NULL AS is_ticking, alentour_now() AS now FROM clock"
# A running clock runs on from its new time; a standing one stands there.
_SET: Final = """
    UPDATE clock SET simulated_at = $1,
        ticking_since = CASE WHEN ticking_since IS NOT NULL THEN clock_timestamp() END
"""
_ADVANCE: Final = """
    UPDATE clock SET simulated_at = alentour_now() + make_interval(secs => $1), has_run = true,
        ticking_since = CASE WHEN ticking_since IS NOT NULL THEN clock_timestamp() END
"""
_NEXT_DUE: Final = """
    SELECT least((SELECT min(due_at) FROM timers WHERE due_at > $1),
                 (SELECT min(due_at) FROM parking_sessions WHERE due_at > $1))
"""
_LATE_AT_MOST: Final = timedelta(seconds=30)
_TICK: Final = """
    UPDATE clock SET simulated_at = alentour_now(), has_run = has_run OR $1,
        ticking_since = CASE WHEN $1 THEN clock_timestamp() END
"""


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """What time it is here, and whether it moves by itself."""

    mode: ClockMode
    now: datetime
    is_ticking: bool


async def settle_mode(connection: asyncpg.Connection, mode: ClockMode) -> None:
    """Give a new database its mode, or refuse to run in another one than it has."""
    await connection.execute(
        "INSERT INTO clock (mode, simulated_at)"
        " VALUES ($1, CASE WHEN $1 = 'simulated' THEN date_trunc('second', clock_timestamp()) END)"
        " ON CONFLICT DO NOTHING",
        mode,
    )
    found = await connection.fetchval("SELECT mode FROM clock")
    if found != mode:
        raise InvalidInput(
            f"this database runs on {found} time and cannot change; set ALENTOUR_CLOCK={found},"
            " or use another database",
            faults=(Fault("ALENTOUR_CLOCK", f"must be {found} for this database"),),
        )


async def read_clock(connection: asyncpg.Connection) -> Clock:
    row = await connection.fetchrow(_READ)
    if row is None:  # nothing has been served from this database yet
        return Clock(mode="normal", now=await connection.fetchval("SELECT alentour_now()"), is_ticking=True)
    return Clock(mode=row["mode"], now=row["now"], is_ticking=row["is_ticking"] or row["mode"] == "normal")


async def set_time(connection: asyncpg.Connection, at: datetime) -> Clock:
    """Move simulated time to `at`: anywhere until it has first run, later only forwards."""
    if not _EARLIEST <= at < _LATEST:
        raise InvalidInput("This time is out of range.", faults=(Fault("at", "must be from 2000 to 2099"),))
    clock = await _locked(connection)
    if clock.has_run and at < clock.now:
        raise Conflict("Time has run and cannot go back.", code="clock_goes_forward")
    await connection.execute(_SET, at)
    return await read_clock(connection)


async def target(connection: asyncpg.Connection, seconds: float) -> datetime:
    """The time after a step of `seconds` (0 to a year) from now. Raises as `advance` does."""
    if not 0 <= seconds <= LONGEST_STEP_S:
        raise InvalidInput(
            "This step is out of range.", faults=(Fault("seconds", f"must be from 0 to {LONGEST_STEP_S}"),)
        )
    until = (await _locked(connection)).now + timedelta(seconds=seconds)
    if until >= _LATEST:
        raise InvalidInput("This step is out of range.", faults=(Fault("seconds", "must end before 2100"),))
    return until


async def advance(connection: asyncpg.Connection, until: datetime) -> Clock:
    """Move simulated time on towards `until`, not far beyond the next timer: nothing is told too late.

    Returns where time stands now; before `until` there is work to settle first. Conflict on real time.
    """
    now = (await _locked(connection)).now
    due_at = await connection.fetchval(_NEXT_DUE, now)
    stop_at = until if due_at is None else min(until, due_at + _LATE_AT_MOST)
    await connection.execute(_ADVANCE, max(0.0, (stop_at - now).total_seconds()))
    return await read_clock(connection)


async def tick(connection: asyncpg.Connection, is_ticking: bool) -> Clock:
    """Let simulated time run on at real speed from where it stands, or stop it there."""
    await _locked(connection)
    await connection.execute(_TICK, is_ticking)
    return await read_clock(connection)


async def _locked(connection: asyncpg.Connection) -> "_Locked":
    """The clock, held against others who move it; Conflict on real time."""
    has_run = await connection.fetchval("SELECT has_run FROM clock FOR UPDATE")
    clock = await read_clock(connection)
    if clock.mode != "simulated":
        raise Conflict("This server runs on real time.", code="clock_not_simulated")
    return _Locked(clock.now, bool(has_run))


class _Locked(NamedTuple):
    now: datetime
    has_run: bool
