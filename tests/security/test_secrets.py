"""Keys, tokens and codes: compared in constant time, and kept nowhere as they are."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

import api.auth
import offers.people.linking
from api.auth import check_key, create_admin_key
from geo.errors import Unauthenticated
from offers.people.tokens import hash_of_token
from tests.http.edge.asking import Client, HeadersOf, Open, bearer


class Watched:
    """Stands for `hmac`: compares as it does, and remembers what was compared."""

    def __init__(self) -> None:
        self.compared: list[tuple[Any, Any]] = []

    def compare_digest(self, one: Any, other: Any) -> bool:
        self.compared.append((one, other))
        return hmac.compare_digest(one, other)


async def test_a_key_is_compared_in_constant_time_and_only_by_its_hash(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.auth, "hmac", watched := Watched())
    key = await create_admin_key(pool)
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    async with pool.acquire() as connection:
        await check_key(connection, f"Bearer {key}")
        with pytest.raises(Unauthenticated):
            await check_key(connection, f"Bearer {wrong}")
    kept = hashlib.sha256(key.split("_", 2)[2].encode()).digest()
    assert [bytes(other) for _, other in watched.compared] == [kept, kept]


async def test_a_link_code_is_compared_in_constant_time_and_only_by_its_hash(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers.people.linking, "hmac", watched := Watched())
    first = (await _register(client)).json()
    made = await client.post("/v1/me/link-codes", headers=bearer(first["token"]))
    code = made.json()["code"]
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert (await _register(client, link_code=wrong)).status_code == 409
    assert (await _register(client, link_code=code)).status_code == 201
    assert len(watched.compared) == 2
    assert all(code.encode() not in bytes(one) for pair in watched.compared for one in pair)


async def test_a_device_token_is_found_by_its_hash_and_never_compared(pool: asyncpg.Pool) -> None:
    """An index is searched for SHA-256 of the token: how long that takes tells nothing of the token."""
    types = await pool.fetch(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_name = 'device_tokens' AND column_name LIKE 'token%'"
    )
    assert [tuple(one) for one in types] == [("token_hash", "bytea")]
    assert len(hash_of_token("dt_00_x")) == 32


@pytest.fixture
def heard(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that was logged or printed until now."""
    caplog.set_level(logging.DEBUG)

    def listen() -> str:
        out, err = capfd.readouterr()
        return out + err + caplog.text

    return listen


async def test_neither_the_database_nor_the_log_holds_a_secret_in_clear(
    open_app: Open,
    pool: asyncpg.Pool,
    admin: dict[str, str],
    retailer_id: int,
    headers_of: HeadersOf,
    heard: Callable[[], str],
) -> None:
    client = await open_app(log_level="debug")
    secrets = {admin["Authorization"], (await headers_of("till"))["Authorization"]}
    once = {**admin, "idempotency-key": uuid4().hex}
    made = await client.post(f"/v1/retailers/{retailer_id}/keys", json={"role": "read"}, headers=once)
    rotated = await client.post(
        f"/v1/keys/{made.json()['key_id']}/rotate", json={}, headers={**once, "idempotency-key": uuid4().hex}
    )
    installation_id = uuid4().hex
    first = (await _register(client, installation_id=installation_id)).json()
    phone = bearer(first["token"])
    turned = await client.post("/v1/me/token/rotate", headers=phone)
    link = await client.post("/v1/me/link-codes", headers=phone)
    await client.get("/v1/me", headers=bearer("dt_00_" + "wrong" * 8 + "abc"))
    secrets |= {made.json()["key"], rotated.json()["key"], installation_id, first["token"]}
    secrets |= {turned.json()["token"], link.json()["code"], "wrong" * 8}
    # What makes them secret: the end of a key, a token or a code.
    ends = {secret.removeprefix("Bearer ").split("_", 2)[-1] for secret in secrets}
    assert len(ends) == len(secrets) == 9

    kept = await _everything(pool)
    assert "customers: " in kept
    assert first["customer_id"] in kept
    assert sorted(end for end in ends if end in kept or end.encode().hex() in kept) == []
    logged = heard()
    assert '"route"' in logged
    assert sorted(end for end in ends if end in logged) == []


async def _register(client: Client, **said: Any) -> Any:
    return await client.post(
        "/v1/devices", json={"installation_id": uuid4().hex, "platform": "android", **said}
    )


async def _everything(pool: asyncpg.Pool) -> str:
    tables = await pool.fetch(
        "SELECT quote_ident(table_name) AS name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'spatial_ref_sys'"
    )
    rows = [
        f"{table['name']}: {row['row']}"
        for table in tables
        for row in await pool.fetch(f"SELECT t::text AS row FROM {table['name']} t")
    ]
    return "\n".join(rows)
