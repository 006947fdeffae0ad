"""A server on simulated time of this folder alone, with a business and an admin as its clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import httpx
import pytest

from api.auth import create_admin_key, create_retailer_key
from tests.audit.every_change import Business
from tests.http.shops import client_of
from tests.serving import Server, StartServer


@pytest.fixture(scope="session")
def audited_server(new_database: Callable[[], str]) -> Iterator[Server]:
    with StartServer() as start:
        yield start(new_database(), clock="simulated")


@pytest.fixture
async def sql(audited_server: Server) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(audited_server.database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def admin(audited_server: Server, sql: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(audited_server, await create_admin_key(sql)) as client:
        yield client


@pytest.fixture
async def open_business(
    audited_server: Server, sql: asyncpg.Connection, admin: httpx.AsyncClient
) -> AsyncIterator[Callable[[], object]]:
    opened: list[httpx.AsyncClient] = []

    async def make() -> Business:
        retailer_id = await sql.fetchval(
            "INSERT INTO retailers (name, created_at) VALUES ('Bread', alentour_now()) RETURNING retailer_id"
        )
        client = client_of(audited_server, await create_retailer_key(sql, retailer_id, "manage"))
        opened.append(client)
        return Business(admin, client, retailer_id, audited_server.database_url)

    yield make
    for client in opened:
        await client.aclose()


@pytest.fixture
async def business(open_business) -> Business:
    return await open_business()
