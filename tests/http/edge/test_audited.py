"""The hook of the audit log: entries share the fate of their transaction, however a handler ends it."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest
from litestar import Router, post
from litestar.datastructures import State
from sqlalchemy import select

from api.audit import READS_ONLY, audit, nothing_changed, tell
from api.auth import requires
from api.database import ORM, PLAIN, Database, Session, Tx
from geo.errors import Conflict
from geo.tables import Retailer
from tests.http.edge.asking import Client, HeadersOf, Open

ADD = "INSERT INTO retailers (name, created_at) VALUES ('Audited', alentour_now())"
REASON = "A complaint that nothing arrives"


@post("/look", guards=[requires("admin")], opt=READS_ONLY, operation_id="lookAtCustomer")
async def look(state: State) -> None:
    """As an admin's dry run on a real customer does: nothing is changed, and yet it is told."""
    database: Database = state.database
    async with database.transaction() as tx:
        await audit(tx, "customer", reason=REASON)


@post("/look-and-fail", guards=[requires("admin")], opt=READS_ONLY, operation_id="lookInVain")
async def look_in_vain(state: State) -> None:
    database: Database = state.database
    async with database.transaction() as tx:
        await audit(tx, "customer", reason=REASON)
        raise Conflict("Not now.")


@post("/add", guards=[requires("admin")], operation_id="addSomething")
async def add(tx: Tx) -> None:
    await tx.execute(ADD)
    tell("retailer", 7, retailer_id=7, reason=REASON)


@post("/add-nothing", guards=[requires("admin")], operation_id="addNothing")
async def add_nothing(tx: Tx) -> None:
    nothing_changed()


@post("/fail-late", guards=[requires("admin")], operation_id="failLate")
async def fail_late(tx: Tx) -> None:
    """Refused by the database at COMMIT only, after the entry was written."""
    await tx.execute("CREATE CONSTRAINT TRIGGER late AFTER INSERT ON retailers DEFERRABLE INITIALLY DEFERRED"
                     " FOR EACH ROW EXECUTE FUNCTION fail_late()")  # fmt: skip
    await tx.execute(ADD)


@post("/open", operation_id="openToAll")
async def open_to_all(tx: Tx) -> None:
    await tx.execute(ADD)
    tell("retailer", 7)
    nothing_changed()


@post("/orm", guards=[requires("manage")], operation_id="changeBySession")
async def change_by_session(session: Session) -> None:
    tell("thing", "a")


@post("/rename", guards=[requires("admin")], operation_id="renameInTheEnd")
async def rename_in_the_end(session: Session) -> None:
    """Written by the flush before the COMMIT only."""
    row = (await session.scalars(select(Retailer).where(Retailer.name == "Chez Léa"))).one()
    row.name = "Chez Léo"


@pytest.fixture
async def app(open_app: Open, pool: asyncpg.Pool) -> Client:
    await pool.execute(
        "CREATE FUNCTION fail_late() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION 'late' USING ERRCODE = '23514'; END $$"
    )
    plain = Router(
        "/", route_handlers=[look, look_in_vain, add, add_nothing, fail_late, open_to_all], dependencies=PLAIN
    )
    return await open_app(
        routers=[plain, Router("/", route_handlers=[change_by_session, rename_in_the_end], dependencies=ORM)]
    )


async def entries(pool: asyncpg.Pool, operation: str, key: dict[str, str]) -> list[dict[str, Any]]:
    """Of this test's key: the log outlives a test's rows."""
    key_id = key["Authorization"].split("_")[1]
    statement = "SELECT * FROM audit_log WHERE operation = $1 AND key_id = $2"
    return [dict(row) for row in await pool.fetch(statement, operation, key_id)]


async def test_a_look_at_a_customer_is_told_with_its_reason_and_without_the_customer(
    app: Client, pool: asyncpg.Pool, admin: dict[str, str]
) -> None:
    assert (await app.post("/look", headers=admin)).is_success
    (entry,) = await entries(pool, "lookAtCustomer", admin)
    assert (entry["subject_kind"], entry["subject_id"], entry["retailer_id"]) == ("customer", None, None)
    assert entry["reason"] == REASON


async def test_what_a_handler_tells_is_kept(app: Client, pool: asyncpg.Pool, admin: dict[str, str]) -> None:
    await app.post("/add", headers=admin)
    (entry,) = await entries(pool, "addSomething", admin)
    assert (entry["subject_kind"], entry["subject_id"], entry["retailer_id"]) == ("retailer", "7", 7)
    assert entry["reason"] == REASON


@pytest.mark.parametrize(
    ("path", "operation"),
    [("/look-and-fail", "lookInVain"), ("/fail-late", "failLate"), ("/add-nothing", "addNothing")],
)
async def test_what_was_undone_or_changed_nothing_is_not_told(
    path: str, operation: str, app: Client, pool: asyncpg.Pool, admin: dict[str, str]
) -> None:
    answer = await app.post(path, headers=admin)
    assert answer.is_success == (operation == "addNothing")
    assert await entries(pool, operation, admin) == []
    assert await pool.fetchval("SELECT count(*) FROM retailers WHERE name = 'Audited'") == 0


async def test_a_refused_key_leaves_no_entry(app: Client, pool: asyncpg.Pool, headers_of: HeadersOf) -> None:
    key = await headers_of("read")
    assert (await app.post("/add", headers=key)).status_code == 403
    assert (await app.post("/orm", headers=key)).status_code == 403
    assert await entries(pool, "addSomething", key) == []


async def test_a_session_that_flushed_nothing_is_audited_all_the_same(
    app: Client, pool: asyncpg.Pool, headers_of: HeadersOf, retailer_id: int
) -> None:
    """Whoever forgets to say that nothing changed is told of once too often, never too rarely."""
    key = await headers_of("manage")
    assert (await app.post("/orm", headers=key)).is_success
    (entry,) = await entries(pool, "changeBySession", key)
    assert (entry["role"], entry["retailer_id"], entry["subject_id"]) == ("manage", retailer_id, "a")


async def test_what_is_written_at_the_very_end_is_told_too(
    app: Client, pool: asyncpg.Pool, admin: dict[str, str], retailer_id: int
) -> None:
    assert (await app.post("/rename", headers=admin)).is_success
    (entry,) = await entries(pool, "renameInTheEnd", admin)
    assert (entry["subject_kind"], entry["subject_id"]) == ("retailer", str(retailer_id))
    assert entry["retailer_id"] == retailer_id
    assert json.loads(entry["changed"]) == {"name": {"before": "Chez Léa", "after": "Chez Léo"}}


async def test_what_needs_no_key_is_not_audited(app: Client, pool: asyncpg.Pool) -> None:
    assert (await app.post("/open")).is_success
    assert await pool.fetchval("SELECT count(*) FROM audit_log WHERE operation = 'openToAll'") == 0
