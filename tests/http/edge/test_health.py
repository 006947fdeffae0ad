"""Alive, ready, and ready again by itself after the database was killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from api import schema
from api.app import create_app
from api.auth import create_admin_key
from api.embedded import Cluster
from api.routes.health import VERSION
from api.settings import Settings
from tests.http.edge.asking import Client, bearer, code_of


async def test_ready_tells_the_versions_and_the_clock(simulated: Client) -> None:
    answer = await simulated.get("/health/ready")
    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "ready"
    assert told["version"] == VERSION
    assert told["clock"]["mode"] == "simulated"
    assert told["database_schema"]["found"] == told["database_schema"]["expected"] == schema.newest_revision()
    assert told["configuration"]["loaded"] == told["configuration"]["newest"]


async def test_another_schema_is_not_ready(client: Client, pool: asyncpg.Pool) -> None:
    found = await pool.fetchval("UPDATE alembic_version SET version_num = 'odd' RETURNING 'odd'")
    answer = await client.get("/health/ready")
    await pool.execute("UPDATE alembic_version SET version_num = $1", schema.newest_revision())
    assert answer.status_code == 503
    assert answer.json()["database_schema"]["found"] == found
    assert "alentour db upgrade" in answer.json()["reason"]


async def test_a_configuration_that_is_not_loaded_is_not_ready(client: Client) -> None:
    engine = client.state.engine
    loaded, engine._snapshot = engine._snapshot, None
    answer = await client.get("/health/ready")
    engine._snapshot = loaded
    assert answer.status_code == 503
    assert answer.json()["configuration"]["loaded"] is None


async def test_a_house_full_of_requests_is_still_ready(client: Client) -> None:
    database = client.state.database
    async with database.connection(), database.connection(), database.connection():
        assert (await client.get("/health/ready")).status_code == 200


@pytest.fixture
def own_cluster(short_folder: Path) -> Iterator[Cluster]:
    """A cluster that may be killed."""
    with Cluster(short_folder / "killed", settings={"fsync": "off"}) as started:
        started.create_database("killed")
        schema.upgrade(started.url("killed"))
        yield started


async def test_after_the_database_was_killed_everything_comes_back_by_itself(own_cluster: Cluster) -> None:
    url = own_cluster.url("killed")
    connection = await asyncpg.connect(url)
    admin = bearer(await create_admin_key(connection))
    await connection.close()
    statuses, refusals = [], []
    async with Client(create_app(Settings(database_url=url, log_level="error", workers=1))) as client:
        for _ in range(2):  # the second time with connections that were made in the meantime
            assert (await client.get("/health/ready")).status_code == 200
            pid = own_cluster.postmaster_pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(90):
                while statuses[-1:] != [200] or 503 not in statuses:
                    statuses.append((await client.get("/health/ready")).status_code)
                    refusals.append(await client.get("/v1/clock", headers=admin))
                    await asyncio.sleep(0.02)
            answers = await asyncio.gather(*(client.get("/v1/caps", headers=admin) for _ in range(12)))
            assert {answer.status_code for answer in answers} == {200}
            assert (await client.post("/v1/retailers", headers=admin, json={"name": "x"})).status_code == 201
            assert set(statuses) == {200, 503}
            statuses.clear()
    down = [answer for answer in refusals if answer.status_code != 200]
    assert down
    assert {answer.status_code for answer in down} == {503}
    assert {code_of(answer) for answer in down} == {"unavailable"}
