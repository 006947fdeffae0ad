"""Getting the database that a command needs: the embedded cluster while it runs, or a server elsewhere.

Owns when a schema is upgraded and when a database's clock mode is settled. `api.embedded` and
`api.schema` do the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import asyncpg

from api import schema
from api.embedded import Cluster
from api.settings import Settings, variable_of
from geo.errors import InvalidInput, Unavailable

Result = TypeVar("Result")


@contextlib.contextmanager
def provided_database(settings: Settings) -> Iterator[Settings]:
    """The same settings with `database_url` filled; the embedded cluster runs until the end of the block.

    The database exists, but its schema may be old: see `bring_up_to_date`.
    """
    if settings.database_url is not None:
        yield settings
        return
    cluster = Cluster(settings.data_dir)
    if cluster.was_moved and not cluster.data_dir.exists():
        print(f"The data folder is {cluster.data_dir}: PostgreSQL must reach it.", file=sys.stderr)
    with cluster:
        cluster.ensure_database(settings.database_name)
        yield dataclasses.replace(settings, database_url=cluster.url(settings.database_name))


def bring_up_to_date(settings: Settings, *, is_embedded: bool) -> None:
    """Upgrade our own database; a server elsewhere is upgraded only by `alentour db upgrade`.

    Raises Unavailable when that has still to be done.
    """
    url = url_of(settings)
    current, head = schema.status(url)
    if current == head:
        return
    if not is_embedded:
        has = f"is at revision {current}" if current else "has no schema"
        raise Unavailable(f"the database {has}, this version needs {head}: run alentour db upgrade")
    schema.upgrade(url)


def with_connection(settings: Settings, work: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
    """Run `work` on a connection of its own, in an event loop of its own."""

    async def connected() -> Result:
        try:
            connection = await asyncpg.connect(url_of(settings), timeout=10)
        except (OSError, asyncpg.PostgresError) as error:
            raise Unavailable(f"cannot connect to the database: {error}") from None
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())


def url_of(settings: Settings) -> str:
    assert settings.database_url is not None  # filled by provided_database
    return settings.database_url


def run_with_database(settings: Settings, command: Sequence[str], *, is_fresh: bool) -> int:
    """Run a command with an upgraded database in its environment; returns its exit code.

    `is_fresh`: in an empty database of the embedded cluster, which is dropped when the command ends.
    """
    if not is_fresh:
        with provided_database(settings) as provided:
            bring_up_to_date(provided, is_embedded=settings.database_url is None)
            return _run(command, url_of(provided))
    if settings.database_url is not None:
        raise InvalidInput(f"--fresh uses the embedded database: unset {variable_of('database_url')}")
    with Cluster(settings.data_dir) as cluster:
        name = f"fresh_{os.getpid()}"
        cluster.create_database(name)
        try:
            schema.upgrade(cluster.url(name))
            return _run(command, cluster.url(name))
        finally:
            cluster.drop_database(name)


def _run(command: Sequence[str], url: str) -> int:
    environment = os.environ | {variable_of("database_url"): url}
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - as the user asked
