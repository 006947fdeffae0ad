"""One request is one transaction, and its answer is sent only once that is committed."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from litestar import Response, Router, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from sqlalchemy import text

from api import database as edge_database
from api.database import ORM, PLAIN, Database, Now, Session, Tx, config_changed
from api.settings import Settings
from geo.errors import Conflict, InvalidInput, Unavailable
from tests.http.edge.asking import Client, Open, code_of

ADD = "INSERT INTO retailers (name, created_at) VALUES ('x', alentour_now())"


async def refuse_after_session(session: Session) -> None:
    raise Conflict("Not now.")


async def refuse_after_tx(tx: Tx) -> None:
    raise Conflict("Not now.")


@post("/add")
async def add_plain(tx: Tx) -> str:
    await tx.execute(ADD)
    return "added"


@post("/add-and-raise")
async def raise_plain(tx: Tx) -> None:
    await tx.execute(ADD)
    raise Conflict("Not now.")


@post("/add-and-refuse")
async def refuse_plain(tx: Tx) -> Response[str]:
    await tx.execute(ADD)
    return Response("no", status_code=422)


@post("/swallow")
async def swallow_plain(tx: Tx) -> str:
    await tx.execute(ADD)
    with contextlib.suppress(asyncpg.PostgresError):
        await tx.execute("SELECT 1 / 0")
    return "added"


@post("/late", dependencies={"late": Provide(refuse_after_tx)})
async def late_plain(tx: Tx, late: NamedDependency[None]) -> str:
    return "added"


@post("/hold")
async def hold_plain(tx: Tx, state: State) -> str:
    state.arrived.release()
    await state.gate.wait()
    return "done"


@post("/add")
async def add_session(session: Session) -> str:
    await session.execute(text(ADD))
    return "added"


@post("/add-and-raise")
async def raise_session(session: Session) -> None:
    await session.execute(text(ADD))
    raise Conflict("Not now.")


@post("/add-and-refuse")
async def refuse_session(session: Session) -> Response[str]:
    await session.execute(text(ADD))
    return Response("no", status_code=422)


@post("/swallow")
async def swallow_session(session: Session) -> str:
    await session.execute(text(ADD))
    with contextlib.suppress(Exception):
        await session.execute(text("SELECT 1 / 0"))
    return "added"


@post("/late", dependencies={"late": Provide(refuse_after_session)})
async def late_session(session: Session, late: NamedDependency[None]) -> str:
    return "added"


@post("/now")
async def now_session(session: Session, now: Now) -> datetime:
    return now


@post("/now")
async def now_plain(tx: Tx, now: Now) -> datetime:
    return now


ROUTERS = [
    Router(
        "/plain",
        route_handlers=[
            add_plain, raise_plain, refuse_plain, swallow_plain, late_plain, hold_plain, now_plain,
        ],
        dependencies=PLAIN,
    ),
    Router(
        "/orm",
        route_handlers=[
            add_session, raise_session, refuse_session, swallow_session, late_session, now_session,
        ],
        dependencies=ORM,
    ),
]  # fmt: skip

both = pytest.mark.parametrize("kind", ["plain", "orm"])


@pytest.fixture
async def small(open_app: Open) -> Client:
    return await open_app(routers=ROUTERS)


def database_of(client: Client) -> Database:
    database: Database = client.state.database
    return database


async def added(pool: asyncpg.Pool) -> int:
    return await pool.fetchval("SELECT count(*) FROM retailers")


async def fail_at_commit(pool: asyncpg.Pool, how: str) -> None:
    """Let every commit of a new retailer fail, in the database itself."""
    await pool.execute(
        f"CREATE FUNCTION fail_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {how}; RETURN NULL; END $$"
    )
    await pool.execute(
        "CREATE CONSTRAINT TRIGGER fail_late AFTER INSERT ON retailers"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_late()"
    )


@both
async def test_a_success_is_committed_before_it_is_told(small: Client, pool: asyncpg.Pool, kind: str) -> None:
    assert (await small.post(f"/{kind}/add")).status_code == 201
    assert await added(pool) == 1


@both
@pytest.mark.parametrize("path", ["add-and-raise", "add-and-refuse"])
async def test_a_refusal_leaves_nothing(small: Client, pool: asyncpg.Pool, kind: str, path: str) -> None:
    assert 400 <= (await small.post(f"/{kind}/{path}")).status_code < 500
    assert await added(pool) == 0


@both
async def test_a_constraint_that_fails_at_commit_is_never_told_as_a_success(
    small: Client, pool: asyncpg.Pool, kind: str
) -> None:
    await fail_at_commit(pool, "RAISE unique_violation")
    answer = await small.post(f"/{kind}/add")
    assert answer.status_code == 500
    assert code_of(answer) == "internal_error"
    assert await added(pool) == 0


@both
async def test_a_connection_lost_at_commit_asks_for_a_retry(
    small: Client, pool: asyncpg.Pool, kind: str
) -> None:
    await fail_at_commit(pool, "PERFORM pg_terminate_backend(pg_backend_pid())")
    answer = await small.post(f"/{kind}/add")
    assert answer.status_code == 503
    assert code_of(answer) == "unavailable"
    assert answer.headers["retry-after"]
    assert await added(pool) == 0
    await pool.execute("DROP TRIGGER fail_late ON retailers")
    assert (await small.post(f"/{kind}/add")).status_code == 201


@both
async def test_a_failed_transaction_that_a_handler_ignored_is_not_a_success(
    small: Client, pool: asyncpg.Pool, kind: str
) -> None:
    answer = await small.post(f"/{kind}/swallow")
    assert answer.status_code == 500
    assert await added(pool) == 0


@both
async def test_a_dependency_that_fails_after_the_transaction_began_leaves_none_open(
    small: Client, pool: asyncpg.Pool, kind: str
) -> None:
    for _ in range(30):  # more often than there are connections
        answer = await small.post(f"/{kind}/late")
        assert answer.status_code == 409
    idle = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    )
    assert await pool.fetchval(idle) == 0


@both
async def test_now_is_the_one_clock(open_app: Open, pool: asyncpg.Pool, kind: str) -> None:
    client = await open_app(routers=ROUTERS, clock="simulated")
    await pool.execute("UPDATE clock SET simulated_at = '2031-05-06T07:08:09Z'")
    assert (await client.post(f"/{kind}/now")).json() == "2031-05-06T07:08:09Z"


async def test_more_requests_than_there_is_room_for_are_told_to_come_back(
    small: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = small.state
    state.gate, state.arrived = asyncio.Event(), asyncio.Semaphore(0)
    held = [asyncio.create_task(small.post("/plain/hold")) for _ in range(edge_database.REQUEST_CONNECTIONS)]
    for _ in held:
        await state.arrived.acquire()
    monkeypatch.setattr(edge_database, "WAIT_FOR_ROOM_S", 0.05)
    answer = await small.post("/plain/add")
    assert answer.status_code == 429
    assert code_of(answer) == "overloaded"
    assert answer.headers["retry-after"]
    # The engine's share stays free however many requests wait.
    async with database_of(small).pool.acquire(timeout=1) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    monkeypatch.undo()
    state.gate.set()
    assert {(await one).status_code for one in held} == {201}
    assert (await small.post("/plain/add")).status_code == 201


@both
async def test_a_lock_held_too_long_asks_for_a_retry(
    small: Client, pool: asyncpg.Pool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = await database_of(small).pool.fetch("SELECT name, setting FROM pg_settings")
    in_force = {row["name"]: row["setting"] for row in settings}
    assert in_force["statement_timeout"] == "5000"
    assert in_force["idle_in_transaction_session_timeout"] == "10000"
    async with pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE retailers")
        answer = await small.post(f"/{kind}/add")
    assert answer.status_code == 503
    assert code_of(answer) == "unavailable"


async def test_an_edit_moves_the_version_and_a_stop_also_the_other(small: Client, pool: asyncpg.Pool) -> None:
    database = database_of(small)
    before = await pool.fetchrow("SELECT version, stop_version FROM config_version")
    async with database.transaction() as tx:
        await config_changed(tx)
    async with database.sessions.begin() as session:
        await config_changed(session, stop=True)
    after = await pool.fetchrow("SELECT version, stop_version FROM config_version")
    assert after["version"] == before["version"] + 2
    assert after["stop_version"] == before["stop_version"] + 1


async def test_edits_are_announced(small: Client, pool: asyncpg.Pool) -> None:
    heard = asyncio.Event()
    async with pool.acquire() as listener:
        await listener.add_listener("alentour_config", lambda *_: heard.set())
        async with database_of(small).transaction() as tx:
            await config_changed(tx)
        await asyncio.wait_for(heard.wait(), timeout=10)
        await listener.reset()


async def test_a_transaction_of_its_own_rolls_back_with_its_error(small: Client, pool: asyncpg.Pool) -> None:
    async def add_and_fail() -> None:
        async with database_of(small).transaction() as tx:
            await tx.execute(ADD)
            raise Conflict("Not now.")

    with pytest.raises(Conflict):
        await add_and_fail()
    assert await added(pool) == 0


async def test_without_an_address_there_is_no_database() -> None:
    with pytest.raises(InvalidInput, match="ALENTOUR_DATABASE_URL"):
        await Database.open(Settings())


async def test_a_database_that_is_not_there_is_unavailable(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(edge_database, "WAIT_AT_START_S", 0.3)
    with pytest.raises(Unavailable):
        await Database.open(Settings(database_url=f"postgresql://nobody@/none?host={tmp_path}"))
