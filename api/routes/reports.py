"""Reports over HTTP, as JSON and as CSV: what was crossed, decided and done with it, over time."""

import asyncio
from datetime import date
from typing import Annotated, Any, Final, Literal, NamedTuple

from litestar import Response, Router, get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, HeaderParameter, Parameter

from api.auth import AuthKey, requires, tenant_of
from api.database import PLAIN, Now, Tx
from api.report_csv import written
from api.routes.resources import Id, RetailerId
from geo.wall_clock import wall_time
from offers.local_periods import Step
from offers.retail.report_rows import Report
from offers.retail.report_table import report_of
from offers.retail.reporting import Asked, By, read_report, span_of

CSV: Final = "text/csv"
_NEGOTIATED: Final = {"vary": "Accept"}


class Span(NamedTuple):
    """Which local days, in which steps."""

    step: Step
    since: date
    until: date
    time_zone: str


def provide_span(
    state: State,
    now: Now,
    step: FromQuery[Step] = "day",
    since: Annotated[
        date | None, Parameter(description="The first local day; by default 28 days before `until`.")
    ] = None,
    until: Annotated[
        date | None, Parameter(description="The local day after the last; by default tomorrow.")
    ] = None,
) -> Span:
    """Dependency `span`; the default zone is that of fences without a site."""
    time_zone: str = state.settings.default_time_zone
    return Span(step, *span_of(since, until, step, wall_time(now, time_zone).date()), time_zone)


def provide_is_csv(
    accept: Annotated[str, HeaderParameter(name="Accept", max_length=1000)] = "",
    format: Annotated[  # noqa: A002 - its name on the wire, which a refusal tells
        Literal["json", "csv"] | None, Parameter(description="Instead of `Accept`.")
    ] = None,
) -> bool:
    """Dependency `is_csv`: what was asked for by address comes before what was asked for by header."""
    return format == "csv" or (format is None and CSV in accept)


@get(
    "/v1/reports",
    guards=[requires("read")],
    dependencies={
        "span": Provide(provide_span, sync_to_thread=False),
        "is_csv": Provide(provide_is_csv, sync_to_thread=False),
    },
    operation_id="readReport",
    summary="What happened, over time",
    description="Crossings by kind, what was decided about your offers and why, and what became of those"
    " delivered: by offer, site, fence, retailer, or offer and fence together, in hours, days or weeks of"
    " each site's own time zone (`all`: in one piece). As CSV with `Accept: text/csv` or `format=csv`. Every"
    " offer considered at a crossing is in one of delivered, held, a reason, or `suppressed_hidden`. Numbers"
    " from 1 to 9, and of fewer than ten people, are null, and so are others that would give them away.",
)
async def read_one(
    tx: Tx,
    key: AuthKey,
    span: NamedDependency[Span],
    is_csv: NamedDependency[bool],
    by: FromQuery[By] = "offer",
    offer_id: FromQuery[Id | None] = None,
    site_id: FromQuery[Id | None] = None,
    retailer_id: RetailerId = None,
) -> Response[Report]:
    asked = Asked(
        retailer_id=tenant_of(key, retailer_id),
        by=by,
        step=span.step,
        since=span.since,
        until=span.until,
        offer_id=offer_id,
        site_id=site_id,
    )
    read = await read_report(tx, asked, span.time_zone)
    # Long reports are worked on in a thread: phones are answered in the meantime.
    report = await asyncio.to_thread(report_of, read)
    return await _as_csv(report) if is_csv else Response(report, headers=_NEGOTIATED)


async def _as_csv(report: Report) -> Response[Any]:
    name = f"alentour-{report.by}-{report.since}-{report.until}.csv"
    headers = {**_NEGOTIATED, "content-disposition": f'attachment; filename="{name}"'}
    text = await asyncio.to_thread(written, report)
    return Response(text.encode(), media_type=CSV, headers=headers)


router: Final = Router(
    "/",
    route_handlers=[read_one],
    dependencies=PLAIN,
    tags=["Reports"],
    security=[{"retailerKey": []}],
)
