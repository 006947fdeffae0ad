"""Offers over HTTP: drafts, edits, the moves of their life, the stop, and their numbers."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, Router, get, post, put
from litestar.openapi.spec import Example
from litestar.params import Body, FromQuery
from msgspec import UNSET, Meta, UnsetType

from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Database, Now, Session, config_changed, read_now
from api.idempotency import once
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.resources import Id, IfMatch, RetailerId, etag_of, of_server, refuse_unmatched
from geo.errors import Fault, Forbidden, Unavailable
from offers.budgets import Budget, budgets_of, change_budget, create_budget
from offers.cancelling import cancel_of_offers
from offers.catalogue import create_offer, edit_offer, list_offers, offer_of, touch
from offers.counts import Counts, count_offer
from offers.lifecycle import Move, move, stop_offer
from offers.offer_edits import OfferEdit
from offers.stops import settle
from offers.tables import OfferRow
from offers.terms import Channel, Trigger

_EXAMPLE: Final = {
    "content": {
        "fr": {"title": "Un café offert", "text": "Pour deux viennoiseries, le café est offert."},
        "en": {"title": "Coffee on us", "text": "Buy two pastries and the coffee is free."},
    },
    "triggers": ["enter", "dwell"],
    "channel": "push",
    "tags": ["coffee"],
    "fences": {"site_ids": [17]},
    "schedule": {
        "starts_at": "2026-03-01T00:00:00Z",
        "weekly_hours": "Mo-Fr 07:30-10:30",
        "only_while_open": True,
    },
    "limits": {"per_customer": {"at_most": 1, "days": 7}},
    "budget": {"deliveries": 5000, "redemptions": 500},
}
_EXAMPLES: Final = [Example(summary="free coffee", value=_EXAMPLE)]

Moment = Annotated[datetime, Meta(tz=True)]
PlaceId = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Units = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Words(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a person reads, in one language."""

    title: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 140})]
    text: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 1000})]


class Fences(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where it may be shown: these fences, those with one of the tags, those of the sites. Any will do."""

    ids: Annotated[list[PlaceId], Meta(max_length=1000)] = []
    tags: list[str] = []
    site_ids: Annotated[list[PlaceId], Meta(max_length=1000)] = []


class Schedule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """When: dates, weekly hours (OSM syntax, in the site's zone), only while the site is open."""

    starts_at: Moment | None = None
    ends_at: Moment | None = None
    weekly_hours: str | None = None
    only_while_open: bool = False


class PerCustomer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """At most so many deliveries to one person in so many days; null: ever."""

    at_most: Annotated[int, Meta(ge=1, le=1000)]
    days: Annotated[int, Meta(ge=1, le=366)] | None = None


class Limits(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How often. The last two are for an admin to change: they touch what all retailers share."""

    per_customer: PerCustomer | None = None
    re_eligible_after_s: Annotated[int, Meta(ge=0, le=31_622_400)] | None = None
    ignores_caps: bool = False
    counts_toward_caps: bool = True


class OfferBudget(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How many in all; null is no limit."""

    deliveries: Units | None = None
    redemptions: Units | None = None


class Offer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What you show, to whom, where, when and how often."""

    content: dict[str, Words]
    triggers: Annotated[list[Trigger], Meta(min_length=1, max_length=4)]
    channel: Channel
    fences: Fences
    external_id: str | None = None
    tags: Annotated[list[str], Meta(max_length=50)] = []
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    limits: Limits = msgspec.field(default_factory=Limits)
    budget: OfferBudget = msgspec.field(default_factory=OfferBudget)
    expires_after_s: Annotated[int, Meta(ge=60, le=31_622_400)] = 86_400
    stale_after_s: Annotated[int, Meta(ge=30, le=900)] = 120
    offer_id: Annotated[int | UnsetType, of_server] = UNSET
    retailer_id: Annotated[int | UnsetType, of_server] = UNSET
    status: Annotated[str | UnsetType, of_server] = UNSET
    stopped_at: Annotated[datetime | UnsetType | None, of_server] = UNSET
    revision: Annotated[int | UnsetType, of_server] = UNSET
    created_at: Annotated[datetime | UnsetType, of_server] = UNSET
    updated_at: Annotated[datetime | UnsetType, of_server] = UNSET


@post(
    "/",
    guards=[requires("manage")],
    before_request=once,
    operation_id="createOffer",
    summary="Create an offer",
    description="It begins as a draft; activate it when it is ready.",
)
async def create_one(
    session: Session,
    now: Now,
    key: AuthKey,
    data: Annotated[Offer, Body(examples=_EXAMPLES)],
    retailer_id: RetailerId = None,
) -> Response[Offer]:
    tenant = tenant_of(key, retailer_id)
    _refuse_loosened_caps(key, data.limits, ignores=False, counts=True)
    offer = await create_offer(session, tenant, _edit_of(data), now)
    await create_budget(session, offer.offer_id, _budget_of(data))
    await config_changed(session)
    return await _answer(session, offer, status_code=201)


@get(
    "/",
    guards=[requires("read")],
    operation_id="listOffers",
    summary="List your offers",
    description="In the order of their ids.",
)
async def list_all(
    session: Session,
    key: AuthKey,
    retailer_id: RetailerId = None,
    status: FromQuery[Literal["draft", "active", "paused", "ended"] | None] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Offer]:
    tenant, after = tenant_of(key, retailer_id), read_cursor(cursor)
    rows = await list_offers(session, tenant, after_id=after, limit=limit + 1, status=status)
    page = page_of(rows, limit, lambda row: row.offer_id)
    budgets = await budgets_of(session, [row.offer_id for row in page.items])
    shown = [_shown(row, budgets.get(row.offer_id, Budget())) for row in page.items]
    return Page(items=shown, next_cursor=page.next_cursor)


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
    data: Annotated[Offer, Body(examples=_EXAMPLES)],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Offer]:
    offer = await offer_of(session, tenant_of(key, retailer_id), offer_id, for_update=True)
    refuse_unmatched(if_match, offer.revision)
    _refuse_loosened_caps(key, data.limits, ignores=offer.ignores_caps, counts=offer.counts_toward_caps)
    is_edited = await edit_offer(session, offer, _edit_of(data), now)
    is_budgeted = await change_budget(session, offer, _budget_of(data))
    if is_budgeted and not is_edited:
        touch(offer, now)
    if is_budgeted or is_edited:
        await config_changed(session)
    return await _answer(session, offer)


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
        session: Session, now: Now, key: AuthKey, offer_id: Id, retailer_id: RetailerId = None
    ) -> Response[Offer]:
        offer = await offer_of(session, tenant_of(key, retailer_id), offer_id, for_update=True)
        move(offer, name, now)
        await config_changed(session)
        return await _answer(session, offer)

    return move_one


activate_one = _moving(
    "activate", "Activate an offer", "From draft or paused; also resumes one that was stopped."
)
pause_one = _moving(
    "pause", "Pause an offer", "Workers notice within half a second. To halt it at once, stop it."
)
end_one = _moving(
    "end", "End an offer", "For good. What was delivered can still be redeemed until it expires."
)


@post(
    "/{offer_id:int}/stop",
    guards=[requires("manage")],
    status_code=200,
    operation_id="stopOffer",
    summary="Stop an offer at once",
    description="When this answers, no delivery of it can follow, and those that no phone has been given are"
    " cancelled. Stopping again is harmless; activating resumes. 503: try again, it may not be over yet.",
)
async def stop_one(
    request: Request[Any, Any, Any], key: AuthKey, offer_id: Id, retailer_id: RetailerId = None
) -> Response[Offer]:
    tenant = tenant_of(key, retailer_id)
    database: Database = request.app.state.database
    async with database.transaction() as connection:
        now = await read_now(connection)
        await stop_offer(connection, tenant, offer_id, now)
        await config_changed(connection, stop=True)
    try:
        await settle(database.pool)
    except TimeoutError:
        raise Unavailable("The offer is stopped, but a transaction from before is still running.") from None
    await cancel_of_offers(database.pool, [offer_id], "offer_stopped")
    async with database.sessions() as session:
        return await _answer(session, await offer_of(session, tenant, offer_id))


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


def _edit_of(data: Offer) -> OfferEdit:
    per_customer = data.limits.per_customer
    return OfferEdit(
        external_id=data.external_id,
        content={
            language: {"title": words.title, "text": words.text} for language, words in data.content.items()
        },
        triggers=tuple(data.triggers),
        channel=data.channel,
        tags=tuple(data.tags),
        priority=data.priority,
        fence_ids=tuple(data.fences.ids),
        fence_tags=tuple(data.fences.tags),
        site_ids=tuple(data.fences.site_ids),
        starts_at=data.schedule.starts_at,
        ends_at=data.schedule.ends_at,
        weekly_hours=data.schedule.weekly_hours,
        only_while_open=data.schedule.only_while_open,
        customer_limit=per_customer.at_most if per_customer else None,
        customer_limit_days=per_customer.days if per_customer else None,
        re_eligible_after_s=data.limits.re_eligible_after_s,
        ignores_caps=data.limits.ignores_caps,
        counts_toward_caps=data.limits.counts_toward_caps,
        expires_after_s=data.expires_after_s,
        stale_after_s=data.stale_after_s,
    )


def _budget_of(data: Offer) -> Budget:
    return Budget(deliveries=data.budget.deliveries, redemptions=data.budget.redemptions)


async def _answer(session: Session, offer: OfferRow, status_code: int = 200) -> Response[Offer]:
    budgets = await budgets_of(session, [offer.offer_id])
    shown = _shown(offer, budgets.get(offer.offer_id, Budget()))
    return Response(shown, status_code=status_code, headers={"etag": etag_of(offer.revision)})


def _shown(row: OfferRow, budget: Budget) -> Offer:
    per_customer = None
    if row.customer_limit is not None:
        per_customer = PerCustomer(at_most=row.customer_limit, days=row.customer_limit_days)
    same: dict[str, Any] = {name: getattr(row, name) for name in _SAME}
    return Offer(
        content={language: Words(**words) for language, words in row.content.items()},
        fences=Fences(ids=row.fence_ids, tags=row.fence_tags, site_ids=row.site_ids),
        schedule=Schedule(
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            weekly_hours=row.weekly_hours,
            only_while_open=row.only_while_open,
        ),
        limits=Limits(
            per_customer=per_customer,
            re_eligible_after_s=row.re_eligible_after_s,
            ignores_caps=row.ignores_caps,
            counts_toward_caps=row.counts_toward_caps,
        ),
        budget=OfferBudget(deliveries=budget.deliveries, redemptions=budget.redemptions),
        **same,
    )


# Members that are called the same in the table.
_SAME: Final = [name for name in Offer.__struct_fields__ if hasattr(OfferRow, name) and name != "content"]

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
    ],
    dependencies=ORM,
    tags=["Offers"],
    security=[{"retailerKey": []}],
)
