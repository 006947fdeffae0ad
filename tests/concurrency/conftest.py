"""One server with two workers for all races, on a clock that ticks from a Thursday noon."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime

import aiohttp
import asyncpg
import pytest

from tests.concurrency.asking import GENEROUS, Client
from tests.concurrency.street import STRETCH_M, Street
from tests.serving import Server, StartServer
from tests.world import World

NOON = datetime(2026, 6, 4, 9, 0, tzinfo=UTC)  # a Thursday, noon in Helsinki
_stretches = itertools.count(1)


@pytest.fixture(scope="session")
def two_workers(new_database: Callable[[], str]) -> Iterator[Server]:
    """A ready server. Its day does not end while the tests run, whenever they are run."""
    url = new_database()
    asyncio.run(let_it_be_noon(url))
    with StartServer() as start:
        yield start(url, workers=2, clock="simulated")


@pytest.fixture
async def street(two_workers: Server) -> AsyncIterator[Street]:
    """A stretch of street of this test's own."""
    async with (
        asyncpg.create_pool(two_workers.database_url, min_size=1, max_size=8) as rows,
        aiohttp.ClientSession(timeout=GENEROUS, connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        yield Street(rows, Client(http, two_workers.url), next(_stretches) * STRETCH_M)
    print(two_workers.log_text()[-4000:])  # noqa: T201 - pytest shows it where the test failed


async def let_it_be_noon(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await World(connection).stands_still_at(NOON)
    await connection.execute("UPDATE clock SET ticking_since = clock_timestamp()")
    await connection.close()
