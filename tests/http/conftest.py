"""One server for the session's HTTP tests, a client of it, and its database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from tests.http.documented import must_be_documented
from tests.http.phones import Shop
from tests.serving import Server


@pytest.fixture
async def http(shared_server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the shared server; whatever it answers must be documented."""
    hooks = {"response": [must_be_documented]}
    async with httpx.AsyncClient(base_url=shared_server.url, timeout=30, event_hooks=hooks) as client:
        yield client


@pytest.fixture
async def rows(shared_server: Server) -> AsyncIterator[asyncpg.Pool]:
    """Connections to the shared server's database, to arrange and to look."""
    async with asyncpg.create_pool(shared_server.database_url, min_size=1, max_size=12) as pool:
        yield pool


@pytest.fixture
async def shop(rows: asyncpg.Pool) -> Shop:
    """A retailer of this test alone."""
    return await Shop.opens(rows)
