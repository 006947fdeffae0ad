"""The database as the edge uses it: the two pools, one transaction per request, `now`.

The one place that commits a request's work: before the answer is sent, and a commit that fails is
an error answer. Owns no SQL of the domain and no schema.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final, TypeAlias

import asyncpg
import sqlalchemy
import structlog
from litestar import Request
from litestar.di import NamedDependency, Provide
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from api import audit
from api.problems import overloaded, told_as
from api.requests import CURRENT, RequestRecord
from api.settings import Settings
from geo.errors import InvalidInput, Unavailable
from offers.engine.engine import EDITED

_log = structlog.get_logger(__name__)

POOL_CONNECTIONS: Final = 12
SESSION_CONNECTIONS: Final = 8
# The engine shares the plain pool (flush, two lanes, leases, sweeper, watch): requests never take all of it.
REQUEST_CONNECTIONS: Final = POOL_CONNECTIONS - 6
WAIT_FOR_ROOM_S: Final = 2.0
WAIT_AT_START_S: Final = 30.0

SERVER_SETTINGS: Final = {
    "application_name": "alentour",
    "timezone": "UTC",
    "statement_timeout": "5000",
    "lock_timeout": "3000",
    "idle_in_transaction_session_timeout": "10000",
    "jit": "off",  # every query here is short; compiling one costs more than running it
}
# How a server that is not there shows when connecting; elsewhere OSError would mean other things.
# How a connection says that it is of no use any more, or a server that it is not there.
BROKEN: Final = (
    asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError,
)  # fmt: skip
_NOBODY_THERE: Final = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)
_CONNECT_S: Final = 5.0
# A server that stopped answering altogether cannot honour its own statement_timeout.
_COMMAND_S: Final = 15.0


class Database:
    """Both ways to the same database: `pool` (asyncpg) and `sessions` (SQLAlchemy)."""

    def __init__(self, pool: asyncpg.Pool, engine: AsyncEngine) -> None:
        self.pool = pool
        self.engine = engine
        self.sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(engine, expire_on_commit=False)
        self._room = asyncio.Semaphore(REQUEST_CONNECTIONS)

    @classmethod
    async def open(cls, settings: Settings) -> "Database":
        """Connect, waiting up to 30 s for a server that is starting or recovering.

        Raises InvalidInput without `database_url`, Unavailable when nobody answers in time.
        """
        if settings.database_url is None:
            raise InvalidInput("ALENTOUR_DATABASE_URL is not set and no embedded database was started")
        pool = await _patiently_connect(settings.database_url)
        return cls(pool, _engine_to(settings.database_url))

    async def close(self) -> None:
        await self.engine.dispose()
        try:
            await asyncio.wait_for(self.pool.close(), timeout=5)
        except TimeoutError:
            self.pool.terminate()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """One pooled connection outside any transaction, within the requests' share of the pool.

        Raises TooMany when none gets free in time, Unavailable when the server is out of reach.
        """
        connection = await self._acquire()
        try:
            yield connection
        finally:
            await self.release(connection)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """A transaction of its own, for a handler that must do something after the commit."""
        transaction = await self.begin()
        try:
            yield transaction.connection
        except BaseException:
            await transaction.abandon()
            raise
        await transaction.commit()

    async def begin(self) -> "PlainTransaction":
        connection = await self._acquire()
        try:
            transaction = connection.transaction()
            await transaction.start()
        except BaseException:
            await self.release(connection)
            raise
        return PlainTransaction(self, connection, transaction)

    async def _acquire(self) -> asyncpg.Connection:
        try:
            await asyncio.wait_for(self._room.acquire(), timeout=WAIT_FOR_ROOM_S)
        except TimeoutError:
            raise overloaded() from None
        try:
            return await self.pool.acquire(timeout=WAIT_FOR_ROOM_S)
        except BaseException as error:
            self._room.release()
            if isinstance(error, TimeoutError):
                raise overloaded() from None
            if isinstance(error, _NOBODY_THERE):
                raise _out_of_reach() from error
            raise

    async def release(self, connection: asyncpg.Connection) -> None:
        """Give back what `begin` took."""
        self._room.release()
        # A connection that broke while in use is thrown away by the pool; nothing to tell here.
        with contextlib.suppress(*BROKEN):
            await self.pool.release(connection, timeout=5)


class PlainTransaction:
    """One open asyncpg transaction and the connection it holds."""

    def __init__(self, database: Database, connection: asyncpg.Connection, transaction: Any) -> None:
        self.connection = connection
        self._database = database
        self._transaction = transaction
        self._has_ended = False

    async def execute(self, statement: str, *parameters: object) -> int:
        """Run one statement that writes; how many rows it wrote."""
        done: str = await self.connection.execute(statement, *parameters)
        return int(done.rpartition(" ")[2])

    async def commit(self) -> None:
        """Raises if the server did not confirm; then the outcome may be unknown."""
        # COMMIT of a failed transaction "succeeds" with the answer ROLLBACK; a query does not.
        try:
            await self.connection.execute("SELECT 1")
            try:
                await self._transaction.commit()
            except Exception as error:
                raise _commit_failed(error) from error
        except BaseException:
            await self.abandon()
            raise
        self._has_ended = True
        await self._database.release(self.connection)

    async def abandon(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        with contextlib.suppress(Exception):  # what cannot be rolled back is thrown away with its connection
            await self._transaction.rollback()
        await self._database.release(self.connection)


class SessionTransaction:
    """One open SQLAlchemy session with its transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self._has_ended = False

    async def execute(self, statement: str, *parameters: object) -> int:
        """As PlainTransaction.execute."""
        connection = await self.session.connection()
        return (await connection.exec_driver_sql(statement, parameters)).rowcount

    async def commit(self) -> None:
        """As PlainTransaction.commit; what the flush finds wrong is told as itself."""
        try:
            await self.session.flush()
            await self.session.execute(sqlalchemy.text("SELECT 1"))
            try:
                await self.session.commit()
            except Exception as error:
                raise _commit_failed(error) from error
        except BaseException:
            await self.abandon()
            raise
        self._has_ended = True
        await self.session.close()

    async def abandon(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        with contextlib.suppress(Exception):  # the pool checks a connection again before its next use
            await self.session.close()


async def _end_of_request(transaction: PlainTransaction | SessionTransaction, record: RequestRecord) -> None:
    if record.keeps_nothing:
        await transaction.abandon()
        return
    try:
        if isinstance(transaction, SessionTransaction):
            # So that a note knows all that was done, and what is wrong with it is told first.
            await transaction.session.flush()
        for note in record.notes:
            await note.write(record, transaction.execute)
    except BaseException:
        await transaction.abandon()
        raise
    await transaction.commit()
    for note in record.notes:
        note.was_committed()


async def open_plain(request: Request[Any, Any, Any]) -> AsyncIterator[asyncpg.Connection]:
    """Dependency `tx`: an asyncpg connection in the request's transaction."""
    database: Database = request.app.state.database
    transaction = await database.begin()
    record = CURRENT.get()
    record.open.append(transaction)
    try:
        yield transaction.connection
    except BaseException:
        await transaction.abandon()
        raise
    await _end_of_request(transaction, record)


async def open_session(request: Request[Any, Any, Any]) -> AsyncIterator[AsyncSession]:
    """Dependency `session`: a SQLAlchemy session in the request's transaction."""
    database: Database = request.app.state.database
    transaction = SessionTransaction(database.sessions())
    record = CURRENT.get()
    record.open.append(transaction)
    try:
        try:
            await transaction.session.connection()  # BEGIN, so that an absent server is told as such
        except _NOBODY_THERE as error:
            raise _out_of_reach() from error
        audit.watch(transaction.session, record)
        yield transaction.session
    except BaseException:
        await transaction.abandon()
        raise
    await _end_of_request(transaction, record)


async def open_at_end(request: Request[Any, Any, Any]) -> AsyncIterator[Database]:
    """Dependency `late`: the database, and a transaction of the request once there is an answer to be kept.

    For a handler that commits its effect itself, and then asks somebody else what became of it: a retry
    finds the effect by its `operation_id`, or the answer that is kept here.
    """
    database: Database = request.app.state.database
    yield database
    record = CURRENT.get()
    transaction = await database.begin()
    record.open.append(transaction)
    await _end_of_request(transaction, record)


# How a handler asks for them: `tx: Tx`, `session: Session`, `now: Now`.
Tx: TypeAlias = NamedDependency[asyncpg.Connection]
Session: TypeAlias = NamedDependency[AsyncSession]
Late: TypeAlias = NamedDependency[Database]
Now: TypeAlias = NamedDependency[datetime]


async def now_of_plain(tx: Tx) -> datetime:
    """Dependency `now` beside `tx`. A service that waits for a lock reads it again afterwards."""
    return await read_now(tx)


async def now_of_session(session: Session) -> datetime:
    """Dependency `now` beside `session`."""
    return await read_now(session)


# A router takes one of the two: a request has one transaction, and `now` is read inside it.
PLAIN: Final = {"tx": Provide(open_plain), "now": Provide(now_of_plain)}
ORM: Final = {"session": Provide(open_session), "now": Provide(now_of_session)}


# For handlers that commit by themselves.
LATE: Final = {"late": Provide(open_at_end)}


async def read_now(work: asyncpg.Connection | AsyncSession) -> datetime:
    """The one clock, as UTC."""
    if isinstance(work, AsyncSession):
        now = await work.scalar(sqlalchemy.text("SELECT alentour_now()"))
    else:
        now = await work.fetchval("SELECT alentour_now()")
    assert isinstance(now, datetime)
    return now


async def config_changed(work: asyncpg.Connection | AsyncSession, stop: bool = False) -> None:
    """Tell all workers to reload what they keep in memory; the last statement of an edit.

    `stop` makes them reload before the next decision instead of within half a second.
    """
    bump = "UPDATE config_version SET version = version + 1"
    if stop:
        bump += ", stop_version = stop_version + 1"
    if isinstance(work, AsyncSession):
        await work.flush()
        await work.execute(sqlalchemy.text(bump))
        await work.execute(sqlalchemy.text(f"NOTIFY {EDITED}"))
    else:
        await work.execute(bump)
        await work.execute(f"NOTIFY {EDITED}")


def _commit_failed(error: Exception) -> Exception:
    """Never the client's fault: what it sent was accepted before."""
    _log.error("commit failed", error=type(error).__name__)
    told = told_as(error)
    return told if isinstance(told, Unavailable) else RuntimeError("commit failed")


def _out_of_reach() -> Unavailable:
    return Unavailable("The database cannot be reached at the moment; try again.")


async def _patiently_connect(url: str) -> asyncpg.Pool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_AT_START_S
    while True:
        try:
            return await asyncpg.create_pool(
                url,
                min_size=2,
                max_size=POOL_CONNECTIONS,
                timeout=_CONNECT_S,
                command_timeout=_COMMAND_S,
                server_settings=SERVER_SETTINGS,
                reset=_leave_as_it_is,
            )
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            transient = not isinstance(error, asyncpg.PostgresError) or isinstance(
                told_as(error), Unavailable
            )
            if not transient or loop.time() > deadline:
                raise Unavailable(f"the database does not answer: {type(error).__name__}") from error
        await asyncio.sleep(0.25)


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    """Nothing here changes a session: no SET but SET LOCAL, no cursor, no lock of a session, no LISTEN kept.

    So a connection that is given back needs no round trip of its own; open transactions are rolled back.
    """


def _engine_to(url: str) -> AsyncEngine:
    return create_async_engine(
        sqlalchemy.make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=SESSION_CONNECTIONS,
        max_overflow=0,
        pool_timeout=WAIT_FOR_ROOM_S,
        pool_pre_ping=True,
        connect_args={
            "timeout": _CONNECT_S,
            "command_timeout": _COMMAND_S,
            "server_settings": SERVER_SETTINGS,
        },
    )
