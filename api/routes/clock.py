"""The clock over HTTP: read in any mode, moved by admins where time is simulated."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.datastructures import State
from litestar.params import JSONBody

from api import audit, clock
from api.audit.changes import before_after
from api.auth import requires
from api.clock import Clock
from api.database import PLAIN, Database, Tx
from offers.engine import Engine
from offers.parking.time_passes import do_all_due


class TimeToSet(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An instant with its zone, RFC 3339."""

    at: Annotated[datetime, msgspec.Meta(tz=True)]


class Step(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How far to go."""

    seconds: Annotated[float, msgspec.Meta(ge=0, le=clock.LONGEST_STEP_S)]


class Ticking(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whether time runs on at real speed."""

    ticking: bool


@get("/", operation_id="readClock", summary="What time is it here?")
async def read_clock(tx: Tx) -> Clock:
    """The time that every rule goes by, and whether it is the machine's."""
    return await clock.read_clock(tx)


@post("/set", status_code=200, operation_id="setClock", summary="Set simulated time")
async def set_time(data: JSONBody[TimeToSet], state: State) -> Clock:
    """Set the time for all workers: anywhere before it has first run, later only forwards."""
    database: Database = state.database
    async with database.transaction() as tx:
        before = await clock.read_clock(tx)
        after = await clock.set_time(tx, data.at)
        await audit.audit(tx, "clock", changed=before_after(at=(before.now, after.now)))
    return await _once_settled(state)


@post("/advance", status_code=200, operation_id="advanceClock", summary="Advance simulated time")
async def advance(data: JSONBody[Step], state: State) -> Clock:
    """Move time on, and answer once everything that became due has been done."""
    database: Database = state.database
    async with database.transaction() as tx:
        until = await clock.target(tx, data.seconds)
    is_told = False
    while True:
        async with database.transaction() as tx:
            reached = await clock.advance(tx, until)
            if not is_told:
                await audit.audit(tx, "clock", changed=before_after(at=(None, until)))
                is_told = True
        settled = await _once_settled(state)
        if reached.now >= until:
            return settled


@post("/tick", status_code=200, operation_id="tickClock", summary="Let simulated time run, or hold it")
async def tick(data: JSONBody[Ticking], tx: Tx) -> Clock:
    """Let time run on at real speed from where it stands, or hold it there."""
    before = await clock.read_clock(tx)
    after = await clock.tick(tx, data.ticking)
    audit.tell("clock", changed=before_after(ticking=(before.is_ticking, after.is_ticking)))
    if before.is_ticking == after.is_ticking:
        audit.nothing_changed()
    return after


async def _once_settled(state: State) -> Clock:
    engine: Engine = state.engine
    await engine.settle()
    database: Database = state.database
    await do_all_due(database.pool)
    async with database.connection() as connection:
        return await clock.read_clock(connection)


router = Router(
    "/v1/clock",
    route_handlers=[read_clock, set_time, advance, tick],
    guards=[requires("admin")],
    dependencies=PLAIN,
    tags=["Operations"],
)
