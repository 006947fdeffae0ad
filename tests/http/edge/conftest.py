"""The application over HTTP, in this process, on a real database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from api.app import create_app
from api.auth import create_admin_key, create_retailer_key
from api.settings import Settings
from tests.http.edge.asking import Client, HeadersOf, KnownPhone, Open, bearer


@pytest.fixture(scope="session")
def edge_database_url(new_database: Callable[[], str]) -> str:
    """One database for all these tests: making one takes longer than any of them."""
    return new_database()


@pytest.fixture
async def database_url(edge_database_url: str) -> str:
    """That database, as empty as a new one."""
    connection = await asyncpg.connect(edge_database_url)
    await connection.execute(
        "TRUNCATE retailers, api_keys, customers, installations, idempotency_keys, clock"
        " RESTART IDENTITY CASCADE; DROP FUNCTION IF EXISTS fail_late CASCADE;"
        # A published notice stays; here it is as if it never had been.
        " SET session_replication_role = replica;"
        " DELETE FROM notices WHERE version > 1; DELETE FROM notice_versions WHERE version > 1"
    )
    await connection.close()
    return edge_database_url


@pytest.fixture
async def open_app(database_url: str) -> AsyncIterator[Open]:
    """Start the application, with other routes or settings than usual if asked."""
    async with AsyncExitStack() as stack:

        async def start(*, routers: Any = None, log_level: Any = "warning", **more: Any) -> Client:
            settings = Settings(database_url=database_url, log_level=log_level, workers=1, **more)
            app = create_app(settings, **({"routers": routers} if routers else {}))
            return await stack.enter_async_context(Client(app))

        yield start


@pytest.fixture
async def client(open_app: Open) -> Client:
    """The whole application on real time."""
    return await open_app()


@pytest.fixture
async def simulated(open_app: Open) -> Client:
    """The whole application on simulated time."""
    return await open_app(clock="simulated")


@pytest.fixture
async def admin(pool: asyncpg.Pool) -> dict[str, str]:
    """The headers of an admin."""
    return bearer(await create_admin_key(pool))


@pytest.fixture
async def retailer_id(pool: asyncpg.Pool) -> int:
    """A retailer."""
    return await pool.fetchval(
        "INSERT INTO retailers (name, created_at) VALUES ('Chez Léa', alentour_now()) RETURNING retailer_id"
    )


@pytest.fixture
async def headers_of(pool: asyncpg.Pool, retailer_id: int) -> HeadersOf:
    """Headers of a fresh key of that retailer with the role asked for."""

    async def make(role: Any) -> dict[str, str]:
        return bearer(await create_retailer_key(pool, retailer_id, role))

    return make


@pytest.fixture
async def phone(pool: asyncpg.Pool) -> KnownPhone:
    """One active phone of one customer."""
    known = KnownPhone()
    await known.register(pool)
    return known
