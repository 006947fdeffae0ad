"""Who may do what: keys with roles, device tokens, and nobody else's things."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import asyncpg
import pytest
from litestar import Router, get, post

from api.auth import (
    AuthKey,
    AuthPhone,
    Key,
    Phone,
    Role,
    check_device_token,
    create_admin_key,
    create_retailer_key,
    parse_device_token,
    requires,
    requires_phone,
    tenant_of,
)
from geo.errors import InvalidInput, NotFound, Unauthenticated
from offers.people.tokens import hash_of_token, new_token
from tests.http.edge.asking import Client, HeadersOf, KnownPhone, Open, bearer, code_of

ROLES: tuple[Role, ...] = ("admin", "manage", "read", "till")


@get("/admin", guards=[requires("admin")])
async def for_admin(key: AuthKey) -> Key:
    return key


@get("/manage", guards=[requires("manage")])
async def for_manage(key: AuthKey) -> Key:
    return key


@get("/read", guards=[requires("read")])
async def for_read(key: AuthKey) -> Key:
    return key


@get("/till", guards=[requires("till")])
async def for_till(key: AuthKey) -> Key:
    return key


@post("/phone", guards=[requires_phone])
async def for_phone(phone: AuthPhone) -> Phone:
    return phone


@get("/unguarded")
async def unguarded(key: AuthKey) -> Key:
    return key


@pytest.fixture
async def small(open_app: Open) -> Client:
    doors: list[Any] = [for_admin, for_manage, for_read, for_till, for_phone, unguarded]
    return await open_app(routers=[Router("/", route_handlers=doors)])


@pytest.mark.parametrize(
    ("role", "opens"),
    [
        ("admin", {"admin", "manage", "read"}),
        ("manage", {"manage", "read"}),
        ("read", {"read"}),
        ("till", {"till"}),
    ],
)
async def test_each_role_opens_its_own_doors(
    small: Client, admin: dict[str, str], headers_of: HeadersOf, role: str, opens: set[str]
) -> None:
    headers = admin if role == "admin" else await headers_of(role)
    answers = {door: await small.get(f"/{door}", headers=headers) for door in ROLES}
    assert {door for door, answer in answers.items() if answer.status_code == 200} == opens
    for door in set(ROLES) - opens:
        assert answers[door].status_code == 403
        assert code_of(answers[door]) == "forbidden"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer nonsense",
        "Bearer ak_aaaaaaaaaaaa_" + "x" * 43,
        "Bearer ak_aaaaaaaaaaaa_" + "x" * 42,
        "Bearer dt_00_" + "x" * 43,
        "Bearer ak_aaaaaaaaaaaa_" + "x" * 10_000,
    ],
)
async def test_without_a_valid_key_one_is_asked_for(small: Client, header: str | None) -> None:
    answer = await small.get("/read", headers={} if header is None else {"authorization": header})
    assert answer.status_code == 401
    assert code_of(answer) == "unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_with_another_secret_opens_nothing(small: Client, pool: asyncpg.Pool) -> None:
    key = await create_admin_key(pool)
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert (await small.get("/admin", headers=bearer(wrong))).status_code == 401
    assert (await small.get("/admin", headers=bearer(key))).status_code == 200


async def test_only_the_hash_of_a_secret_is_kept(pool: asyncpg.Pool) -> None:
    key = await create_admin_key(pool, "first")
    _, key_id, secret = key.split("_", 2)
    row = await pool.fetchrow("SELECT * FROM api_keys")
    assert row["key_id"] == key_id
    assert row["secret_hash"] == hashlib.sha256(secret.encode()).digest()
    assert secret not in repr(dict(row))


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_an_ended_key_opens_nothing(small: Client, pool: asyncpg.Pool, column: str) -> None:
    key = await create_admin_key(pool)
    await pool.execute(f"UPDATE api_keys SET {column} = alentour_now()")
    answer = await small.get("/admin", headers=bearer(key))
    assert answer.status_code == 401


async def test_a_key_is_made_for_a_retailer_there_is(pool: asyncpg.Pool, retailer_id: int) -> None:
    with pytest.raises(NotFound):
        await create_retailer_key(pool, retailer_id + 1, "manage")
    with pytest.raises(InvalidInput):
        await create_retailer_key(pool, retailer_id, "admin")


async def test_a_route_that_forgot_its_guard_tells_nobody_anything(
    small: Client, admin: dict[str, str]
) -> None:
    assert (await small.get("/unguarded", headers=admin)).status_code == 500


def test_a_retailers_key_is_about_its_own_retailer_and_no_other() -> None:
    key = Key("aaaaaaaaaaaa", "aaaaaaaaaaaa", 7, "manage")
    assert tenant_of(key, None) == 7
    assert tenant_of(key, 7) == 7
    with pytest.raises(NotFound):
        tenant_of(key, 8)


def test_an_admin_names_the_retailer() -> None:
    key = Key("aaaaaaaaaaaa", "aaaaaaaaaaaa", None, "admin")
    assert tenant_of(key, 8) == 8
    with pytest.raises(InvalidInput):
        tenant_of(key, None)


def test_a_device_token_names_its_bucket() -> None:
    token = new_token(41)
    assert parse_device_token(f"Bearer {token}") == (41, hash_of_token(token))
    assert parse_device_token(f"bearer  {token} ".encode()) == (41, hash_of_token(token))


@pytest.mark.parametrize(
    "header",
    [None, b"", b"Bearer x", b"Bearer dt_40_" + b"x" * 43, b"Bearer dt_0G_" + b"x" * 43, b"\xff\xfe"],
)
def test_what_is_no_device_token_is_refused_without_asking_the_database(header: bytes | None) -> None:
    with pytest.raises(Unauthenticated):
        parse_device_token(header)


async def test_a_phone_is_known_by_its_token(small: Client, phone: KnownPhone) -> None:
    answer = await small.post("/phone", headers=phone.headers)
    assert answer.json() == {
        "bucket": phone.bucket,
        "customer_id": str(phone.customer_id),
        "device_id": str(phone.device_id),
        "language": "fr",
    }


@pytest.mark.parametrize(("status", "refusal"), [("revoked", 401), ("pending", 403)])
async def test_a_phone_that_is_not_active_is_refused(
    small: Client, phone: KnownPhone, pool: asyncpg.Pool, status: str, refusal: int
) -> None:
    await pool.execute(
        "UPDATE devices SET status = $1, revoked_at = CASE WHEN $1 = 'revoked' THEN alentour_now() END",
        status,
    )
    assert (await small.post("/phone", headers=phone.headers)).status_code == refusal


async def test_a_token_of_another_bucket_is_unknown(small: Client, phone: KnownPhone) -> None:
    moved = f"dt_{(phone.bucket + 1) % 64:02x}_{phone.token[6:]}"
    assert (await small.post("/phone", headers=bearer(moved))).status_code == 401


async def test_the_old_token_works_until_the_new_one_is_used(
    small: Client, phone: KnownPhone, pool: asyncpg.Pool
) -> None:
    following = new_token(phone.bucket)
    await phone.add_token(pool, following, "next")
    assert (await small.post("/phone", headers=phone.headers)).status_code == 201
    assert (await small.post("/phone", headers=bearer(following))).status_code == 201
    assert (await small.post("/phone", headers=phone.headers)).status_code == 401
    assert (await small.post("/phone", headers=bearer(following))).status_code == 201


async def test_a_new_token_used_many_times_at_once_stays_valid(phone: KnownPhone, pool: asyncpg.Pool) -> None:
    following = new_token(phone.bucket)
    await phone.add_token(pool, following, "next")

    async def use() -> Phone:
        async with pool.acquire() as connection:
            return await check_device_token(connection, f"Bearer {following}")

    async with pool.acquire() as other, other.transaction():
        # Hold the customer until all of them have read that the token is the next one.
        await other.execute("SELECT FROM customers FOR NO KEY UPDATE")
        uses = [asyncio.create_task(use()) for _ in range(8)]
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while await pool.fetchval(waiting) < len(uses):  # noqa: ASYNC110 - only the database can tell
            await asyncio.sleep(0.01)
    assert {(await one).device_id for one in uses} == {phone.device_id}
    rows = await pool.fetch("SELECT token_hash, status FROM device_tokens")
    assert [(row["token_hash"], row["status"]) for row in rows] == [(hash_of_token(following), "current")]
