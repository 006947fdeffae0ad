"""Upgrading from nothing, again, and from two processes at once."""

import subprocess
import sys

import asyncpg
import pytest

from api import schema
from geo.errors import Unavailable


@pytest.fixture
def empty_url(cluster):
    cluster.create_database("empty")
    yield cluster.url("empty")
    cluster.drop_database("empty")


def test_an_empty_database_has_no_revision_and_reaches_the_newest(empty_url):
    before, head = schema.status(empty_url)
    schema.upgrade(empty_url)
    assert before is None
    assert schema.status(empty_url) == (head, head)


def test_upgrading_twice_changes_nothing(empty_url):
    schema.upgrade(empty_url)
    schema.upgrade(empty_url)
    current, head = schema.status(empty_url)
    assert current == head


def test_two_upgrades_at_once_both_succeed(empty_url):
    program = "import sys; from api.schema import upgrade; upgrade(sys.argv[1])"
    command = [sys.executable, "-c", program, empty_url]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    current, head = schema.status(empty_url)
    assert current == head


async def test_a_failed_upgrade_leaves_no_trace(empty_url):
    connection = await asyncpg.connect(empty_url)
    # The last statements of the first revision will meet a table that is already there.
    await connection.execute("CREATE TABLE idempotency_keys ()")
    with pytest.raises(asyncpg.DuplicateTableError):
        schema.upgrade(empty_url)
    assert await connection.fetchval("SELECT to_regclass('customers')") is None
    await connection.close()


async def test_an_upgrade_does_not_wait_for_a_locked_table_for_ever(empty_url):
    connection = await asyncpg.connect(empty_url)
    await connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    async with connection.transaction():
        await connection.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable, match="locked by another session"):
            schema.upgrade(empty_url)
    await connection.close()


def test_a_database_that_is_not_there_is_said_in_one_line(cluster):
    with pytest.raises(Unavailable, match=r'cannot use the database: .*"nowhere" does not exist'):
        schema.upgrade(cluster.url("nowhere"))
