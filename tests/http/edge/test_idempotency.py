"""A POST that is sent twice with one key happens once."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from litestar import Router, post
from litestar.datastructures import State
from litestar.params import FromQuery, JSONBody
from sqlalchemy import text

from api import idempotency
from api.auth import requires
from api.database import ORM, PLAIN, Session, Tx
from api.idempotency import OperationId, forget_old, once, once_required, operation_id_of
from geo.errors import Conflict
from offers.buckets import bucket_of_text
from tests.http.edge.asking import Client, HeadersOf, Open, code_of

ADD = "INSERT INTO retailers (name, created_at) VALUES ('x', alentour_now())"


@post("/add", before_request=once)
async def add_plain(
    tx: Tx, data: JSONBody[dict[str, Any]], x: FromQuery[int | None] = None
) -> dict[str, Any]:
    await tx.execute(ADD)
    return {"added": await tx.fetchval("SELECT count(*) FROM retailers"), **data}


@post("/add-orm", before_request=once)
async def add_session(session: Session, data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    await session.execute(text(ADD))
    return {"added": await session.scalar(text("SELECT count(*) FROM retailers")), **data}


@post("/held", before_request=once)
async def add_held(tx: Tx, state: State) -> str:
    state.began.set()
    await state.gate.wait()
    await tx.execute(ADD)
    return "added"


@post("/held-orm", before_request=once)
async def add_held_session(session: Session, state: State) -> str:
    state.began.set()
    await state.gate.wait()
    await session.execute(text(ADD))
    return "added"


@post("/refuse", before_request=once)
async def refuse(tx: Tx, state: State) -> str:
    await tx.execute(ADD)
    if state.get("is_closed"):
        raise Conflict("Not now.")
    return "added"


@post("/operation", before_request=once_required)
async def operation(tx: Tx, operation_id: OperationId) -> str:
    return str(operation_id)


Headers = dict[str, str]


@pytest.fixture
async def small(open_app: Open) -> Client:
    plain = Router(
        "/",
        route_handlers=[add_plain, add_held, refuse, operation],
        dependencies=PLAIN,
        guards=[requires("read")],
    )
    orm = Router(
        "/", route_handlers=[add_session, add_held_session], dependencies=ORM, guards=[requires("read")]
    )
    return await open_app(routers=[plain, orm])


@pytest.fixture
async def key(headers_of: HeadersOf, pool: asyncpg.Pool) -> Headers:
    return {**await headers_of("read"), "Idempotency-Key": "order-17"}


async def added(pool: asyncpg.Pool) -> int:
    """Besides the retailer whose key is used."""
    return await pool.fetchval("SELECT count(*) - 1 FROM retailers")


@pytest.mark.parametrize("path", ["/add", "/add-orm"])
async def test_the_same_request_is_answered_the_same_and_done_once(
    small: Client, pool: asyncpg.Pool, key: Headers, path: str
) -> None:
    first = await small.post(path, headers=key, json={"a": 1})
    second = await small.post(path, headers=key, json={"a": 1})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert await added(pool) == 1


async def test_without_a_key_everything_happens_every_time(
    small: Client, pool: asyncpg.Pool, headers_of: HeadersOf
) -> None:
    headers = await headers_of("read")
    for _ in range(2):
        await small.post("/add", headers=headers, json={})
    assert await added(pool) == 2


@pytest.mark.parametrize(
    ("path", "body"), [("/add", {"a": 2}), ("/add?x=1", {"a": 1}), ("/add-orm", {"a": 1})]
)
async def test_another_request_under_the_same_key_is_refused(
    small: Client, pool: asyncpg.Pool, key: Headers, path: str, body: dict[str, int]
) -> None:
    await small.post("/add", headers=key, json={"a": 1})
    answer = await small.post(path, headers=key, json=body)
    assert answer.status_code == 422
    assert code_of(answer) == "idempotency_key_reused"
    assert await added(pool) == 1


async def test_a_key_belongs_to_whoever_sent_it(
    small: Client, pool: asyncpg.Pool, key: Headers, headers_of: HeadersOf
) -> None:
    other = {**await headers_of("read"), "Idempotency-Key": key["Idempotency-Key"]}
    for headers in (key, other):
        answer = await small.post("/add", headers=headers, json={})
        assert "idempotency-replayed" not in answer.headers
    assert await added(pool) == 2


async def test_while_the_first_runs_the_second_is_told_so(
    small: Client, pool: asyncpg.Pool, key: Headers
) -> None:
    small.state.began, small.state.gate = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(small.post("/held", headers=key))
    await small.state.began.wait()
    second = await small.post("/held", headers=key)
    assert second.status_code == 409
    assert code_of(second) == "idempotency_in_flight"
    small.state.gate.set()
    assert (await first).status_code == 201
    assert (await small.post("/held", headers=key)).headers["idempotency-replayed"] == "true"
    assert await added(pool) == 1


async def test_two_workers_racing_for_one_key_do_it_once(
    open_app: Open, small: Client, pool: asyncpg.Pool, key: Headers
) -> None:
    plain = Router("/", route_handlers=[add_plain], dependencies=PLAIN, guards=[requires("read")])
    other = await open_app(routers=[plain])
    for attempt in range(10):
        headers = {**key, "Idempotency-Key": f"race-{attempt}"}
        racers = (
            worker.post("/add", headers=headers, json={}) for worker in (small, other) for _ in range(3)
        )
        answers = await asyncio.gather(*racers)
        assert {answer.status_code for answer in answers} <= {201, 409}
        bodies = {answer.content for answer in answers if answer.status_code == 201}
        assert len(bodies) == 1
        assert await added(pool) == attempt + 1


async def test_after_a_refusal_the_same_key_may_be_tried_again(
    small: Client, pool: asyncpg.Pool, key: Headers
) -> None:
    small.state.is_closed = True
    assert (await small.post("/refuse", headers=key)).status_code == 409
    small.state.is_closed = False
    answer = await small.post("/refuse", headers=key)
    assert answer.status_code == 201
    assert "idempotency-replayed" not in answer.headers
    assert await added(pool) == 1


async def test_after_a_failed_commit_the_same_key_may_be_tried_again(
    small: Client, pool: asyncpg.Pool, key: Headers
) -> None:
    await pool.execute(
        "CREATE FUNCTION fail_late() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
        " CREATE CONSTRAINT TRIGGER fail_late AFTER INSERT ON retailers"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_late()"
    )
    assert (await small.post("/add", headers=key, json={})).status_code == 503
    await pool.execute("DROP FUNCTION fail_late CASCADE")
    answer = await small.post("/add", headers=key, json={})
    assert answer.status_code == 201
    assert await added(pool) == 1


async def leave_in_flight(small: Client, pool: asyncpg.Pool, key: Headers, *, age_s: int) -> None:
    """As a crash between the claim and the commit would."""
    await small.post("/add", headers=key, json={})
    await pool.execute(
        "UPDATE idempotency_keys SET state = 'in_flight', status = NULL, answer = NULL, headers = NULL,"
        " created_at = created_at - make_interval(secs => $1)",
        float(age_s),
    )


async def test_a_claim_that_a_crash_left_behind_is_taken_over_once_it_is_old(
    small: Client, pool: asyncpg.Pool, key: Headers
) -> None:
    await leave_in_flight(small, pool, key, age_s=idempotency.TAKE_OVER_AFTER_S + 1)
    assert (await small.post("/add", headers=key, json={"other": 1})).status_code == 422
    answer = await small.post("/add", headers=key, json={})
    assert answer.status_code == 201
    again = await small.post("/add", headers=key, json={})
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == answer.content


async def test_a_claim_that_is_not_old_is_not_taken_over(
    small: Client, pool: asyncpg.Pool, key: Headers
) -> None:
    await leave_in_flight(small, pool, key, age_s=idempotency.TAKE_OVER_AFTER_S - 20)
    assert code_of(await small.post("/add", headers=key, json={})) == "idempotency_in_flight"


async def test_whoever_was_overtaken_neither_answers_for_nor_ends_the_new_claim(
    small: Client, pool: asyncpg.Pool, key: Headers
) -> None:
    small.state.began, small.state.gate = asyncio.Event(), asyncio.Event()
    slow = asyncio.create_task(small.post("/held", headers=key))
    await small.state.began.wait()
    await pool.execute("UPDATE idempotency_keys SET created_at = created_at - interval '1 hour'")
    small.state.began.clear()
    fast = asyncio.create_task(small.post("/held", headers=key))
    await small.state.began.wait()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    assert await pool.fetchval("SELECT state FROM idempotency_keys") == "in_flight"
    small.state.gate.set()
    assert (await fast).status_code == 201
    assert await pool.fetchval("SELECT state FROM idempotency_keys") == "done"


async def test_whoever_was_overtaken_has_no_effect(small: Client, pool: asyncpg.Pool, key: Headers) -> None:
    for path in ("/held", "/held-orm"):
        headers = {**key, "Idempotency-Key": path}
        small.state.began, small.state.gate = asyncio.Event(), asyncio.Event()
        before = await added(pool)
        slow = asyncio.create_task(small.post(path, headers=headers))
        await small.state.began.wait()
        await pool.execute("UPDATE idempotency_keys SET created_at = created_at - interval '61 seconds'")
        small.state.began.clear()
        fast = asyncio.create_task(small.post(path, headers=headers))
        await small.state.began.wait()
        small.state.gate.set()
        assert code_of(await slow) == "idempotency_in_flight"
        assert (await fast).status_code == 201
        assert await added(pool) == before + 1


async def test_a_day_later_the_key_is_free_again(small: Client, pool: asyncpg.Pool, key: Headers) -> None:
    await small.post("/add", headers=key, json={})
    await pool.execute("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'")
    answer = await small.post("/add", headers=key, json={"quite": "another"})
    assert answer.status_code == 201
    assert await added(pool) == 2


async def test_old_keys_are_forgotten(small: Client, pool: asyncpg.Pool, key: Headers) -> None:
    for name in ("old", "new"):
        await small.post("/add", headers={**key, "Idempotency-Key": name}, json={})
    await pool.execute(
        "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours' WHERE key = 'old'"
    )
    bucket = await pool.fetchval("SELECT min(bucket) FROM idempotency_keys")
    await forget_old(pool, bucket)
    assert [row["key"] for row in await pool.fetch("SELECT key FROM idempotency_keys")] == ["new"]


async def test_a_worker_that_starts_forgets_old_keys(
    small: Client, open_app: Open, pool: asyncpg.Pool, key: Headers
) -> None:
    await small.post("/add", headers=key, json={})
    await pool.execute("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'")
    await open_app(routers=[Router("/", route_handlers=[])])
    async with asyncio.timeout(20):
        left = "SELECT count(*) FROM idempotency_keys"
        while await pool.fetchval(left) > 0:  # noqa: ASYNC110 - only the database can tell
            await asyncio.sleep(0.02)


async def test_the_effect_can_carry_an_id_that_every_attempt_shares(
    small: Client, pool: asyncpg.Pool, key: Headers
) -> None:
    principal = await pool.fetchval("SELECT 'key:' || key_id FROM api_keys")
    answer = await small.post("/operation", headers=key)
    assert answer.text == str(operation_id_of(principal, "order-17"))
    row = await pool.fetchrow("SELECT bucket, operation_id FROM idempotency_keys")
    assert row["bucket"] == bucket_of_text(principal)
    assert row["operation_id"] == operation_id_of(principal, "order-17")


async def test_where_it_would_do_harm_the_key_is_required(
    small: Client, key: Headers, headers_of: HeadersOf
) -> None:
    answer = await small.post("/operation", headers=await headers_of("read"))
    assert answer.status_code == 400
    assert code_of(answer) == "idempotency_key_required"


@pytest.mark.parametrize("odd", ["", " ", "two words", "x" * 129, "é"])
async def test_an_unprintable_or_long_key_is_refused(
    small: Client, pool: asyncpg.Pool, key: Headers, odd: str
) -> None:
    headers = {**{name: value.encode() for name, value in key.items()}, "Idempotency-Key": odd.encode()}
    answer = await small.post("/add", headers=headers, json={})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await added(pool) == 0
