"""The audit log over HTTP: read by filters, newest first. Nothing writes it from here."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import Parameter

from api.audit.entries import AuditEntry, Wanted, list_entries
from api.auth import AuthKey, requires, tenant_of
from api.database import PLAIN, Tx
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.resources import LARGEST_ID, RetailerId
from geo.errors import Fault, InvalidInput
from offers.retail import retailers

OperationName = Annotated[
    str | None,
    Parameter(
        max_length=100, description="An operationId of this document, or a command: `alentour import`."
    ),
]
KeyIdAsked = Annotated[
    str | None,
    Parameter(
        pattern="^[a-z2-7]{12}$",
        description="The middle part of a key. A first key stands for all that it was rotated into.",
    ),
]
Since = Annotated[datetime | None, Parameter(description="From this time on, RFC 3339.")]
Until = Annotated[datetime | None, Parameter(description="Before this time, RFC 3339.")]


def provide_wanted(
    operation: OperationName = None, key_id: KeyIdAsked = None, since: Since = None, until: Until = None
) -> Wanted:
    """Dependency `wanted`: the filters but for whose entries."""
    if faults := [*_zone_faults("since", since), *_zone_faults("until", until)]:
        raise InvalidInput("A parameter is not as expected.", faults=tuple(faults))
    return Wanted(operation=operation, key_id=key_id, since=since, until=until)


@get(
    "/", guards=[requires("read")], operation_id="listAuditEntries", summary="What was done, and by which key"
)
async def list_audit_entries(
    tx: Tx,
    key: AuthKey,
    wanted: NamedDependency[Wanted],
    retailer_id: RetailerId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditEntry]:
    """Newest first: every change made with a key of a retailer or an admin, or at the command line.

    A retailer's key reads what concerns its own things, by whomever it was done; an admin who names no
    retailer reads everything. Entries are kept for two years, and nobody edits them. Redemptions are not
    listed here, and nothing about customers is.
    """
    if key.retailer_id is not None or retailer_id is not None:
        tenant = await retailers.read_retailer(tx, tenant_of(key, retailer_id))
        wanted = msgspec.structs.replace(wanted, retailer_id=tenant.retailer_id)
    before = read_cursor(cursor, first=LARGEST_ID)
    rows = await list_entries(tx, wanted, before=before, at_most=limit + 1)
    return page_of(rows, limit, lambda entry: entry.entry_id)


def _zone_faults(name: str, at: datetime | None) -> list[Fault]:
    return [Fault(name, "must have a zone, such as Z")] if at is not None and at.tzinfo is None else []


router: Final = Router(
    "/v1/audit",
    route_handlers=[list_audit_entries],
    dependencies={**PLAIN, "wanted": Provide(provide_wanted, sync_to_thread=False)},
    tags=["Operations"],
    security=[{"retailerKey": []}],
)
