"""What every test may ask for: a real PostGIS, a migrated database of its own, a running server.

One cluster per session (a worker of xdist has its own), one migrated template in it, one clone per
test. fsync is off: a test that is about durability starts a cluster of its own (tests/embedded,
tests/crash).
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

from api import schema
from api.embedded import Cluster
from tests.serving import Server, StartServer

# The same examples on every run and machine; no time limits, for cores are shared.
settings.register_profile(
    "steady",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")

TEMPLATE = "migrated"
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    # Tests open connections by the thousand, and each would load the library anew (about 25 ms).
    "shared_preload_libraries": "postgis-3",
}
RULES_ONLY = "tests/rules.coveragerc"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Rules need no database: where they alone are measured, tests that have one run untraced and fast."""
    coverage = Coverage.current()
    is_traced = "cluster" not in getattr(item, "fixturenames", ())
    if coverage is None or is_traced or item.config.getoption("cov_config", None) != RULES_ONLY:
        return (yield)
    coverage.stop()
    try:
        return (yield)
    finally:
        coverage.start()


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder that another account can reach, with a path short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="alentour-tests-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster(short_folder: Path) -> Iterator[Cluster]:
    """The session's PostgreSQL, with a template database that the migrations built."""
    with Cluster(short_folder / "pg", settings=FAST) as started:
        started.create_database(TEMPLATE)
        schema.upgrade(started.url(TEMPLATE))
        yield started


@pytest.fixture(scope="session")
def new_database(cluster: Cluster) -> Callable[[], str]:
    """Make another migrated, empty database; it goes with the session's cluster."""
    numbers = itertools.count(1)

    def make() -> str:
        name = f"test_{next(numbers)}"
        cluster.create_database(name, template=TEMPLATE)
        return cluster.url(name)

    return make


@pytest.fixture
def database_url(cluster: Cluster, new_database: Callable[[], str]) -> Iterator[str]:
    """The URL of a migrated, empty database for this test alone."""
    url = new_database()
    yield url
    cluster.drop_database(url.partition("?")[0].rpartition("/")[2])


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections to this test's database."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=20) as opened:
        yield opened


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Start real `alentour serve` processes; they are stopped at the end of the test."""
    with StartServer() as start:
        yield start


@pytest.fixture
def server(start_server: StartServer, database_url: str) -> Server:
    """One ready server with one worker, on this test's database."""
    return start_server(database_url)


@pytest.fixture(scope="session")
def shared_server(new_database: Callable[[], str]) -> Iterator[Server]:
    """One ready server for the whole session, for tests that leave nothing in each other's way."""
    with StartServer() as start:
        yield start(new_database())
