"""Offers over HTTP: drafts, edits, the moves of their life, the stop, and their numbers."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, Router, get, post, put
from litestar.params import FromQuery, JSONBody

from api import audit
from api.audit.changes import before_after
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Database, Now, Session, config_changed, read_now
from api.idempotency import once
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.offer_forms import Limits, Offer, budget_of, edit_of, shown
from api.routes.offer_imports import import_all
from api.routes.resources import (
    Id,
    IfMatch,
    RetailerId,
    etag_of,
    existing_tenant,
    refuse_unmatched,
    stopper_of,
)
from geo.errors import Fault, Forbidden, Unavailable
from offers.retail.budgets import Budget, budgets_of, change_budget, create_budget
from offers.retail.cancelling import cancel_of_offers
from offers.retail.catalogue import create_offer, edit_offer, list_offers, offer_of, touch
from offers.retail.code_pools import CodePool, add_codes, count_codes
from offers.retail.counts import Counts, count_offer
from offers.retail.lifecycle import Move, is_made, move, stop_offer
from offers.retail.stops import settle
from offers.tables import OfferRow


@post(
    "/",
    guards=[requires("manage")],
    before_request=once,
    operation_id="createOffer",
    summary="Create an offer",
    description="It begins as a draft; activate it when it is ready. Triggers: `enter`, `dwell` and `exit`"
    " deliver when a fence is crossed; `nearby` lists it under its sites when an app asks `GET /v1/nearby`,"
    " without delivery, code or caps. `fences` names ids or tags of your own.",
)
async def create_one(
    session: Session,
    now: Now,
    key: AuthKey,
    data: JSONBody[Offer],
    retailer_id: RetailerId = None,
) -> Response[Offer]:
    tenant = await existing_tenant(session, key, retailer_id)
    _refuse_loosened_caps(key, data.limits, ignores=False, counts=True)
    offer = await create_offer(session, tenant, edit_of(data), now)
    await create_budget(session, offer, budget_of(data))
    await config_changed(session)
    return await _answer(session, offer, status_code=201)


@get(
    "/",
    guards=[requires("read")],
    operation_id="listOffers",
    summary="List your offers",
    description="In the order of their ids; `external_id` finds one by your own id.",
)
async def list_all(
    session: Session,
    key: AuthKey,
    retailer_id: RetailerId = None,
    status: FromQuery[Literal["draft", "active", "paused", "ended"] | None] = None,
    external_id: FromQuery[str | None] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Offer]:
    tenant, after = await existing_tenant(session, key, retailer_id), read_cursor(cursor)
    rows = await list_offers(
        session, tenant, after_id=after, limit=limit + 1, status=status, external_id=external_id
    )
    page = page_of(rows, limit, lambda row: row.offer_id)
    budgets = await budgets_of(session, [row.offer_id for row in page.items])
    items = [shown(row, budgets.get(row.offer_id, Budget())) for row in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@get(
    "/{offer_id:int}",
    guards=[requires("read")],
    operation_id="getOffer",
    summary="Read an offer",
    description="Its ETag goes into `If-Match` of an edit.",
)
async def get_one(
    session: Session, key: AuthKey, offer_id: Id, retailer_id: RetailerId = None
) -> Response[Offer]:
    return await _answer(session, await offer_of(session, tenant_of(key, retailer_id), offer_id))


@put(
    "/{offer_id:int}",
    guards=[requires("manage")],
    operation_id="editOffer",
    summary="Replace an offer",
    description="A draft or paused offer may change in everything; an active one in all but triggers, channel"
    " and fences; an ended one in nothing. Budgets move by the difference: what was given stays given.",
)
async def put_one(
    session: Session,
    now: Now,
    key: AuthKey,
    offer_id: Id,
    data: JSONBody[Offer],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Offer]:
    offer = await offer_of(session, tenant_of(key, retailer_id), offer_id, for_update=True)
    refuse_unmatched(if_match, offer.revision)
    _refuse_loosened_caps(key, data.limits, ignores=offer.ignores_caps, counts=offer.counts_toward_caps)
    is_edited = await edit_offer(session, offer, edit_of(data), now)
    budget = await _budget(session, offer_id)
    is_budgeted = await change_budget(session, offer, budget_of(data))
    if is_budgeted and not is_edited:
        touch(offer, now)
    if is_budgeted or is_edited:
        await config_changed(session)
        audit.tell(changed=before_after(budget=(budget, await _budget(session, offer_id))))
    else:
        audit.nothing_changed()
    return await _answer(session, offer)


_AGAIN: Final = "Once more changes nothing and answers 200."


def _moving(name: Move, summary: str, description: str) -> Any:
    """The route of one move."""

    @post(
        f"/{{offer_id:int}}/{name}",
        guards=[requires("manage")],
        status_code=200,
        operation_id=f"{name}Offer",
        summary=summary,
        description=description,
    )
    async def move_one(
        session: Session,
        now: Now,
        key: AuthKey,
        offer_id: Id,
        retailer_id: RetailerId = None,
        if_match: IfMatch = None,
    ) -> Response[Offer]:
        offer = await offer_of(session, tenant_of(key, retailer_id), offer_id, for_update=True)
        # A retry finds its own revision: what has been done already needs no match (RFC 9110 § 13.1.1).
        if not is_made(offer, name):
            refuse_unmatched(if_match, offer.revision)
            move(offer, name, now, by=stopper_of(key))
            await config_changed(session)
        else:
            audit.nothing_changed()
        return await _answer(session, offer)

    return move_one


activate_one = _moving(
    "activate",
    "Activate an offer",
    "From draft or paused; also resumes one that was stopped, unless an operator stopped it and you are none"
    f" (403 `stopped_by_operator`). {_AGAIN}",
)
pause_one = _moving(
    "pause",
    "Pause an offer",
    f"Workers notice within half a second. To halt it at once, stop it. {_AGAIN}",
)
end_one = _moving(
    "end",
    "End an offer",
    f"For good. What was delivered can still be redeemed until it expires. {_AGAIN}",
)


@post(
    "/{offer_id:int}/stop",
    guards=[requires("manage")],
    status_code=200,
    operation_id="stopOffer",
    summary="Stop an offer at once",
    description="When this answers, no delivery of it can follow, and those that no phone has been given are"
    " cancelled. Stopping again is harmless; activating resumes, but what an operator stopped only an"
    " operator. 503: try again, it may not be over yet.",
)
async def stop_one(
    request: Request[Any, Any, Any], key: AuthKey, offer_id: Id, retailer_id: RetailerId = None
) -> Response[Offer]:
    tenant = tenant_of(key, retailer_id)
    database: Database = request.app.state.database
    async with database.transaction() as connection:
        now = await read_now(connection)
        if await stop_offer(connection, tenant, offer_id, now, by=stopper_of(key)):
            await config_changed(connection, stop=True)
            stopped = before_after(stopped_by=(None, stopper_of(key)))
            await audit.audit(connection, "offer", offer_id, retailer_id=tenant, changed=stopped)
        else:
            audit.nothing_changed()
    try:
        await settle(database.pool)
    except TimeoutError:
        raise Unavailable("The offer is stopped, but a transaction from before is still running.") from None
    await cancel_of_offers(database.pool, [offer_id], "offer_stopped")
    async with database.sessions() as session:
        return await _answer(session, await offer_of(session, tenant, offer_id))


class Codes(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Codes that your tills know, in the offer's `code_format`."""

    codes: Annotated[list[str], msgspec.Meta(min_length=1, max_length=10_000)]


@post(
    "/{offer_id:int}/codes",
    guards=[requires("manage")],
    before_request=once,
    status_code=200,
    operation_id="addOfferCodes",
    summary="Add codes of your own",
    description="Each is given to one customer, who asks for it when the offer is used. The offer may be"
    " delivered as often as there are codes: adding some raises `budget.deliveries` by as many. Codes that"
    " are there already are left alone.",
)
async def add_codes_to(
    session: Session,
    now: Now,
    key: AuthKey,
    offer_id: Id,
    data: JSONBody[Codes],
    retailer_id: RetailerId = None,
) -> CodePool:
    offer = await offer_of(session, tenant_of(key, retailer_id), offer_id, for_update=True)
    before = await count_codes(session, offer)
    pool = await add_codes(session, offer, data.codes)
    if pool != before:
        touch(offer, now)
        await config_changed(session)
        audit.tell(changed=before_after(codes=(before.total, pool.total)))
    else:
        audit.nothing_changed()
    return pool


@get(
    "/{offer_id:int}/codes",
    guards=[requires("read")],
    operation_id="countOfferCodes",
    summary="How many codes are left",
    description="`format` is `own` for an offer with Alentour's codes. A code is claimed when its customer"
    " asks for it.",
)
async def count_codes_of(
    session: Session, key: AuthKey, offer_id: Id, retailer_id: RetailerId = None
) -> CodePool:
    return await count_codes(session, await offer_of(session, tenant_of(key, retailer_id), offer_id))


@get(
    "/{offer_id:int}/counts",
    guards=[requires("read")],
    operation_id="countOffer",
    summary="What became of an offer",
    description="Deliveries by stage, suppressions by reason, since it began.",
)
async def count_one(session: Session, key: AuthKey, offer_id: Id, retailer_id: RetailerId = None) -> Counts:
    await offer_of(session, tenant_of(key, retailer_id), offer_id)
    return await count_offer(session, offer_id)


def _refuse_loosened_caps(key: AuthKey, limits: Limits, *, ignores: bool, counts: bool) -> None:
    """Caps protect people from all retailers together: one retailer cannot step out of them."""
    if key.retailer_id is None:
        return
    changed = {
        "limits.ignores_caps": limits.ignores_caps != ignores,
        "limits.counts_toward_caps": limits.counts_toward_caps != counts,
    }
    faults = tuple(
        Fault(field, "is for an admin to change") for field, is_changed in changed.items() if is_changed
    )
    if faults:
        raise Forbidden("Only an admin may take an offer out of the caps.", faults=faults)


async def _answer(session: Session, offer: OfferRow, status_code: int = 200) -> Response[Offer]:
    body = shown(offer, await _budget(session, offer.offer_id))
    return Response(body, status_code=status_code, headers={"etag": etag_of(offer.revision)})


async def _budget(session: Session, offer_id: int) -> Budget:
    return (await budgets_of(session, [offer_id])).get(offer_id, Budget())


router: Final = Router(
    "/v1/offers",
    route_handlers=[
        create_one,
        list_all,
        get_one,
        put_one,
        activate_one,
        pause_one,
        end_one,
        stop_one,
        count_one,
        add_codes_to,
        count_codes_of,
        import_all,
    ],
    dependencies=ORM,
    tags=["Offers"],
    security=[{"retailerKey": []}],
)
