"""The application: the one place that wires settings, database, engine and routes together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from api import openapi
from api.auth import provide_key, provide_phone
from api.cashier import open_cashier
from api.clock import settle_mode
from api.cors import Cors
from api.database import Database
from api.edge import Edge
from api.erasure_key import proof_key_of
from api.fixes import Application, FixesRoute
from api.idempotency import keep_tidy, provide_operation_id
from api.observability import Metrics, configure_logs
from api.plate_key import plate_key_of
from api.problems import LARGEST_BODY_BYTES
from api.queries import KnownQueries
from api.rates import Rates
from api.refusals import StrictRequest, answer_problem
from api.requests import remember_response, standing_headers
from api.routes import ROUTERS
from api.settings import Settings
from api.stopping import on_stop_signal
from offers.engine import Engine
from offers.handing.live import LiveHub
from offers.parking.cashing import CashierMoney
from offers.parking.time_passes import watch_stays
from offers.payments.reconciling import keep_reconciling
from offers.people.leaving import Leaving, let_go


def create_app(
    settings: Settings | None = None, *, routers: Sequence[ControllerRouterHandler] = ROUTERS
) -> Application:
    """What Granian serves, built once in each worker; without `settings` they are the environment's."""
    settings = settings or Settings.from_environment()
    configure_logs(settings)
    metrics = Metrics()
    litestar = create_litestar(settings, metrics, routers)
    standing = standing_headers(tls_in_front=settings.tls_in_front)
    application = FixesRoute(Edge(litestar, metrics, standing), litestar.state, metrics, standing)
    return Cors(application, settings.cors_origins, standing) if settings.cors_origins else application


def create_litestar(
    settings: Settings, metrics: Metrics, routers: Sequence[ControllerRouterHandler] = ROUTERS
) -> Litestar:
    """The application without what is around it: its routes, and the document that describes them."""
    return Litestar(
        route_handlers=routers,
        dependencies={
            "key": Provide(provide_key, sync_to_thread=False),
            "phone": Provide(provide_phone, sync_to_thread=False),
            "operation_id": Provide(provide_operation_id, sync_to_thread=False),
        },
        guards=[KnownQueries()],
        exception_handlers={Exception: answer_problem},
        after_request=remember_response,
        request_class=StrictRequest,
        request_max_body_size=LARGEST_BODY_BYTES,
        state=State({"settings": settings, "metrics": metrics, "rates": Rates(settings)}),
        lifespan=[_open],
        logging_config=None,
        openapi_config=openapi.config(),
        debug=False,
    )


@contextlib.asynccontextmanager
async def _open(app: Litestar) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    database = await Database.open(settings)
    app.state.database = database
    try:
        async with database.connection() as connection:
            await settle_mode(connection, settings.clock)
        app.state.proof_key = proof_key = proof_key_of(settings)
        app.state.plate_key = plate_key_of(settings)
        app.state.engine = engine = _engine(settings, database, app.state.metrics)
        app.state.live = live = LiveHub(database.pool)
        app.state.cashier = cashier = open_cashier(settings, database.pool)
        app.state.parking_money = CashierMoney(cashier)
        await engine.start()
        leaving = Leaving(
            proof_key,
            settings.dormant_after_months,
            settings.ledger_kept_years,
            settings.plates_kept_months,
            settings.parking_kept_months,
        )
        chores = [
            asyncio.create_task(keep_tidy(database.pool), name="idempotency-tidier"),
            asyncio.create_task(let_go(database.pool, leaving), name="leave-taker"),
            asyncio.create_task(keep_reconciling(database.pool, cashier), name="reconciler"),
            asyncio.create_task(watch_stays(database.pool), name="stay-watcher"),
        ]
        try:
            with on_stop_signal(live.end_streams):
                yield
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
            await cashier.close()
            await live.close()
            await engine.stop()
    finally:
        await database.close()


def _engine(settings: Settings, database: Database, metrics: Metrics) -> Engine:
    return Engine(
        database.pool,
        metrics,
        workers=settings.workers,
        default_time_zone=settings.default_time_zone,
        queue_fixes=settings.queue_fixes,
        queue_bytes=settings.queue_bytes,
        flush_fixes=settings.flush_fixes,
        one_bucket=settings.flush_buckets == "one",
    )
