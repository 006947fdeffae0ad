"""Bringing a database's schema up to date, and telling how far it is.

Alembic does the work, configured in code: the revisions travel inside the package and no
alembic.ini is read. Each revision's SQL is in `api/migrations/sql`, not here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from geo.errors import Unavailable

Result = TypeVar("Result")

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
# Any constant of our own: it keeps two upgrades of one database apart, nothing else.
_UPGRADE_LOCK: Final = 0x414C454E
# A migration must not queue behind a long query while all traffic queues behind the migration.
_LOCK_TIMEOUT: Final = "5s"


def upgrade(url: str) -> None:
    """Apply every missing revision in one transaction: all of them, or none.

    `url` is a `postgresql://` URL. Safe to call from several processes at once: the second waits
    and finds nothing to do. Raises Unavailable when the server cannot be reached or a table stays
    locked by somebody else.
    """
    _in_transaction(url, _upgrade)


def status(url: str) -> tuple[str | None, str]:
    """(revision of the database, newest revision); the first is None before any upgrade."""
    return _in_transaction(url, _current_revision), newest_revision()


def newest_revision() -> str:
    """The revision that this code expects a database to have."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the package carries no migrations")
    return head


def run_script(path: Path) -> None:
    """For revisions: run a file of many statements in the migration's own transaction.

    The driver's simple protocol takes them all at once; prepared statements would take only one,
    and SQLAlchemy would read `:name` as a parameter.
    """
    from alembic import op  # noqa: PLC0415  # a proxy that is only alive inside a migration

    driver = op.get_bind().connection.dbapi_connection
    assert driver is not None  # a migration has an open connection
    sql = path.read_text(encoding="utf-8")
    driver.run_async(lambda connection: connection.execute(sql))


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _in_transaction(url: str, work: Callable[[Connection], Result]) -> Result:
    """Run `work` on a connection of its own, in a thread: callers may have an event loop running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_connected(url, work))).result()


async def _connected(url: str, work: Callable[[Connection], Result]) -> Result:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    except (OSError, asyncpg.PostgresError, DBAPIError) as error:
        if (told := _explained(error)) is not None:
            raise told from None
        raise
    finally:
        await engine.dispose()


def _explained(error: Exception) -> Unavailable | None:
    """The operator's side of a failure, by SQLSTATE; None for a fault of the migrations themselves."""
    if isinstance(error, OSError):
        return Unavailable(f"cannot connect to the database: {error.strerror or error}")
    cause = error.orig if isinstance(error, DBAPIError) else error
    sqlstate = str(getattr(cause, "sqlstate", None) or "")
    if sqlstate == "55P03":
        return Unavailable("a table is locked by another session; nothing was changed, try again")
    if sqlstate.startswith(("08", "28", "3D", "53", "57P")):
        return Unavailable(f"cannot use the database: {cause}".partition("\n")[0])
    return None
