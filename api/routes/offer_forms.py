"""An offer as it is written on the wire, and the way between it and `offers.retail.catalogue`."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.routes.resources import PlaceId, of_server
from offers.retail.budgets import Budget
from offers.retail.offer_edits import OfferEdit
from offers.retail.stops import Stopper
from offers.tables import OfferRow
from offers.terms import Channel, Trigger

_TRIGGERS: Final = (
    "`enter`, `dwell` and `exit` deliver when a fence is crossed. `nearby` lists the offer under its sites"
    " when an app asks `GET /v1/nearby`: no delivery, no code, no caps."
)

Moment = Annotated[datetime, Meta(tz=True)]
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
    triggers: Annotated[list[Trigger], Meta(min_length=1, max_length=4, description=_TRIGGERS)]
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
    stopped_by: Annotated[Stopper | UnsetType | None, of_server] = UNSET
    revision: Annotated[int | UnsetType, of_server] = UNSET
    created_at: Annotated[datetime | UnsetType, of_server] = UNSET
    updated_at: Annotated[datetime | UnsetType, of_server] = UNSET


def edit_of(data: Offer) -> OfferEdit:
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


def budget_of(data: Offer) -> Budget:
    return Budget(deliveries=data.budget.deliveries, redemptions=data.budget.redemptions)


def shown(row: OfferRow, budget: Budget) -> Offer:
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
