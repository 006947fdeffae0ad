"""Retailers over HTTP: made and listed by admins, stopped and resumed by admins or themselves."""

from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.datastructures import State
from litestar.params import JSONBody

from api import audit
from api.audit.changes import before_after
from api.auth import AuthKey, requires, tenant_of
from api.database import PLAIN, Database, Now, Tx, config_changed
from api.idempotency import once
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.resources import Id, stopper_of
from offers.retail import retailers
from offers.retail.cancelling import cancel_of_retailer
from offers.retail.retailers import Retailer
from offers.retail.stops import settle


class RetailerDraft(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an admin says of a new retailer; `external_id` is their id in your own books."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    external_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class Stopped(msgspec.Struct, kw_only=True):
    """The retailer, and how many offers were taken back before any phone had them."""

    retailer: Retailer
    cancelled_deliveries: int


@post(
    "/", guards=[requires("admin")], before_request=once, operation_id="addRetailer", summary="Add a retailer"
)
async def add_retailer(data: JSONBody[RetailerDraft], tx: Tx, now: Now) -> Retailer:
    """Make a tenant. Give it keys next: `POST /v1/retailers/{retailer_id}/keys`."""
    return await retailers.add_retailer(tx, data.name, data.external_id, now)


@get("/", guards=[requires("admin")], operation_id="listRetailers", summary="List retailers")
async def list_retailers(tx: Tx, limit: Limit = 50, cursor: Cursor = None) -> Page[Retailer]:
    """All tenants, oldest first."""
    rows = await retailers.list_retailers(tx, read_cursor(cursor), limit + 1)
    return page_of(rows, limit, lambda retailer: retailer.retailer_id)


@get("/{retailer_id:int}", guards=[requires("read")], operation_id="readRetailer", summary="Read a retailer")
async def read_retailer(retailer_id: Id, key: AuthKey, tx: Tx) -> Retailer:
    """One tenant; a retailer's key reads its own."""
    return await retailers.read_retailer(tx, tenant_of(key, retailer_id))


@post(
    "/{retailer_id:int}/stop",
    status_code=200,
    guards=[requires("manage")],
    operation_id="stopRetailer",
    summary="Stop a retailer",
)
async def stop_retailer(retailer_id: Id, key: AuthKey, state: State) -> Stopped:
    """Stop everything this retailer offers, at once.

    When this answers, no worker can decide for an offer of theirs any more, and what was decided
    but not handed to a phone yet is cancelled.
    """
    database: Database = state.database
    async with database.transaction() as tx:
        tenant = tenant_of(key, retailer_id)
        before = await retailers.read_retailer(tx, tenant)
        retailer = await retailers.stop_retailer(tx, tenant, by=stopper_of(key))
        await config_changed(tx, stop=True)
        if retailer != before:
            stopped = before_after(stopped_by=(before.stopped_by, retailer.stopped_by))
            await audit.audit(tx, "retailer", tenant, retailer_id=tenant, changed=stopped)
    await settle(database.pool)
    cancelled = await cancel_of_retailer(database.pool, retailer.retailer_id, "stopped")
    return Stopped(retailer=retailer, cancelled_deliveries=cancelled)


@post(
    "/{retailer_id:int}/resume",
    status_code=200,
    guards=[requires("manage")],
    operation_id="resumeRetailer",
    summary="Resume a retailer",
)
async def resume_retailer(retailer_id: Id, key: AuthKey, tx: Tx) -> Retailer:
    """Let a stopped retailer's offers run again. Offers that were stopped one by one stay stopped.

    What an operator stopped only an operator resumes: 403 `stopped_by_operator` for anybody else.
    """
    tenant = tenant_of(key, retailer_id)
    before = await retailers.read_retailer(tx, tenant)
    retailer = await retailers.resume_retailer(tx, tenant, by=stopper_of(key))
    await config_changed(tx)
    audit.tell(changed=before_after(stopped_by=(before.stopped_by, None)))
    if before.stopped_at is None:
        audit.nothing_changed()
    return retailer


router = Router(
    "/v1/retailers",
    route_handlers=[add_retailer, list_retailers, read_retailer, stop_retailer, resume_retailer],
    dependencies=PLAIN,
    tags=["Retailers and keys"],
)
