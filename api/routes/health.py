"""Is this process alive, may it have traffic, and how is it doing."""

import asyncio
from importlib.metadata import version
from typing import Final, Literal

import asyncpg
import msgspec
from litestar import Response, Router, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from prometheus_client import CONTENT_TYPE_LATEST

from api import schema
from api.clock import Clock, read_clock
from api.database import BROKEN, Database
from api.observability import Metrics
from geo.errors import Unavailable
from offers.engine import Engine
from offers.payments.cashier import Cashier
from offers.payments.port import Provider

VERSION: Final = version("alentour")
_PATIENCE_S: Final = 2.0

_REVISION: Final = "SELECT version_num FROM alembic_version"
_CONFIGURATION: Final = "SELECT version FROM config_version"


class Live(msgspec.Struct, kw_only=True):
    """The process runs."""

    status: Literal["live"] = "live"


class SchemaState(msgspec.Struct, kw_only=True):
    """Revisions: the database's, and the one this code was written for."""

    found: str | None
    expected: str


class ConfigurationState(msgspec.Struct, kw_only=True):
    """Versions: what this worker decides by, and what the database says by now."""

    loaded: int | None
    newest: int


class PaymentsState(msgspec.Struct, kw_only=True):
    """Who takes payments; with test money nobody is charged."""

    provider: Literal["sandbox", "stripe"]
    is_test_money: bool


class Ready(msgspec.Struct, kw_only=True):
    """`reason` says what is missing when the status is `not_ready`."""

    status: Literal["ready", "not_ready"]
    version: str = VERSION
    reason: str | None = None
    clock: Clock | None = None
    database_schema: SchemaState | None = None
    configuration: ConfigurationState | None = None
    payments: PaymentsState | None = None


@get("/health/live", operation_id="checkLiveness", summary="Is the process alive?")
async def live() -> Live:
    """Answers as long as the process runs; says nothing about the database."""
    return Live()


@get(
    "/health/ready",
    operation_id="checkReadiness",
    summary="May it have traffic?",
    responses={503: ResponseSpec(Ready, description="Not now; `reason` says why.")},
)
async def ready(state: State) -> Response[Ready]:
    """200 when the database answers with the expected schema and the configuration is loaded; else 503."""
    found = await _look(state)
    return Response(found, status_code=200 if found.status == "ready" else 503)


@get("/metrics", operation_id="readMetrics", summary="Metrics for Prometheus", media_type="text/plain")
async def metrics(state: State) -> Response[bytes]:
    """All workers together, in the Prometheus text format."""
    counted: Metrics = state.metrics
    return Response(counted.exposition(), headers={"content-type": CONTENT_TYPE_LATEST})


async def _look(state: State) -> Ready:
    database: Database = state.database
    try:
        # Not out of the requests' share: a full house is still a house.
        async with asyncio.timeout(_PATIENCE_S), database.pool.acquire() as connection:
            return await _inspect(connection, state.get("engine"), state.get("cashier"))
    except BROKEN:
        return Ready(status="not_ready", reason="the database does not answer")


async def _inspect(connection: asyncpg.Connection, engine: Engine | None, cashier: Cashier | None) -> Ready:
    revisions = SchemaState(
        found=await connection.fetchval(_REVISION), expected=await asyncio.to_thread(schema.newest_revision)
    )
    configuration = ConfigurationState(
        loaded=_loaded(engine), newest=await connection.fetchval(_CONFIGURATION)
    )
    reason = None
    if revisions.found != revisions.expected:
        reason = "the database has another schema; run alentour db upgrade"
    elif configuration.loaded is None:
        reason = "the configuration is not loaded yet"
    return Ready(
        status="not_ready" if reason else "ready",
        reason=reason,
        clock=await read_clock(connection),
        database_schema=revisions,
        configuration=configuration,
        payments=None if cashier is None else _payments(cashier.provider),
    )


def _payments(provider: Provider) -> PaymentsState:
    return PaymentsState(provider=provider.name, is_test_money=provider.is_test_money)


def _loaded(engine: Engine | None) -> int | None:
    try:
        return engine.snapshot.version if engine else None
    except Unavailable:
        return None


router = Router("/", route_handlers=[live, ready, metrics], tags=["Operations"])
