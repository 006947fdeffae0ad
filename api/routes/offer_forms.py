"""An offer as it is written on the wire, and the way between it and `offers.retail.catalogue`."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.routes.resources import PlaceId, of_server
from offers.retail.budgets import DEFAULT_ZONE, Budget
from offers.retail.offer_edits import OfferEdit
from offers.retail.stops import Stopper
from offers.symbols import CodeFormat
from offers.tables import OfferRow
from offers.terms import Audience as AudienceRules
from offers.terms import Channel, Trigger

_TRIGGERS: Final = (
    "`enter`, `dwell` and `exit` deliver when a fence is crossed. `nearby` lists the offer under its sites"
    " when an app asks `GET /v1/nearby`: no delivery, no code, no caps."
)

_VISITS: Final = (
    "Visits to any of your places before this one, in the last 90 days: `at_most` 0 is for new customers,"
    " `at_least` 1 for those who return."
)
_LAST_VISIT: Final = "Full days since the latest of those visits; without one, longer ago than any number."
_ATTRIBUTES: Final = (
    "What you said of your own customers (`PUT /v1/customers/{reference}/attributes`): for each name, one of"
    " the values."
)
_HOLDOUT: Final = (
    "So many in a hundred of the people who would be given it are not, always the same ones, so that you can"
    " read in its report what it does. Fixed once it is active."
)
_REGULATED: Final = "What the law lets only adults be offered."
_CODES: Final = (
    "How the codes look that your own tills know, one for each customer; put them in with"
    " `POST /v1/offers/{offer_id}/codes`. null: Alentour's codes. Fixed once it was active."
)
_MENU: Final = (
    "A menu of yours that it leads to: told with the delivery, and opened by the phone"
    " (`GET /v1/menus/{menu_id}/card`), which sees it while it is published."
)

Moment = Annotated[datetime, Meta(tz=True)]
Units = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Language = Annotated[str, Meta(extra_json_schema={"pattern": "^[a-z]{2,3}$"})]
Regulated = Literal["alcohol", "gambling", "tobacco"]


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
    """How many; null is no limit.

    `per_day` and `per_week` (from Monday) begin at midnight in `time_zone`. Where the offer has a pool of
    codes, `deliveries` is their number.
    """

    deliveries: Units | None = None
    per_day: Units | None = None
    per_week: Units | None = None
    time_zone: str = DEFAULT_ZONE
    redemptions: Units | None = None


class Between(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """From `at_least` to `at_most`, both included; null is no bound."""

    at_least: Annotated[int, Meta(ge=0, le=1000)] | None = None
    at_most: Annotated[int, Meta(ge=0, le=1000)] | None = None


class Audience(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """For whom; all that is said must hold, and nothing said is everybody.

    Everything but `languages` is asked only of people who consented to personalisation. `if_not_known` says
    what counts for the others: `include` or `exclude` them.
    """

    languages: Annotated[list[Language], Meta(max_length=20)] = []
    interests: Annotated[list[str], Meta(max_length=50)] = []
    visits: Annotated[Between, Meta(description=_VISITS)] = msgspec.field(default_factory=Between)
    last_visit_days: Annotated[Between, Meta(description=_LAST_VISIT)] = msgspec.field(
        default_factory=Between
    )
    attributes: Annotated[dict[str, list[str]], Meta(description=_ATTRIBUTES)] = {}
    if_not_known: Literal["include", "exclude"] | None = None


class QuietHoursRule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What becomes of it in somebody's quiet hours.

    `drop`: nothing. `hold`: it is decided anew when they are over, and given only to who is still there if
    it `needs_presence`. `inbox_only`: it goes to the inbox at once, without a notification.
    """

    when_quiet: Literal["drop", "hold", "inbox_only"] = "drop"
    needs_presence: bool = False


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
    quiet_hours: QuietHoursRule = msgspec.field(default_factory=QuietHoursRule)
    audience: Audience = msgspec.field(default_factory=Audience)
    holdout_percent: Annotated[int, Meta(ge=0, le=50, description=_HOLDOUT)] = 0
    regulated: Annotated[list[Regulated], Meta(max_length=3, description=_REGULATED)] = []
    code_format: Annotated[CodeFormat | None, Meta(description=_CODES)] = None
    menu_id: Annotated[PlaceId | None, Meta(description=_MENU)] = None
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
        when_quiet=data.quiet_hours.when_quiet,
        needs_presence=data.quiet_hours.needs_presence,
        audience=_audience_of(data.audience),
        holdout_percent=data.holdout_percent,
        regulated=tuple(data.regulated),
        code_format=data.code_format,
        menu_id=data.menu_id,
        expires_after_s=data.expires_after_s,
        stale_after_s=data.stale_after_s,
    )


def budget_of(data: Offer) -> Budget:
    return Budget(**{name: getattr(data.budget, name) for name in OfferBudget.__struct_fields__})


def _audience_of(said: Audience) -> AudienceRules:
    return AudienceRules(
        languages=tuple(said.languages),
        interests=tuple(said.interests),
        visits_at_least=said.visits.at_least,
        visits_at_most=said.visits.at_most,
        last_visit_days_at_least=said.last_visit_days.at_least,
        last_visit_days_at_most=said.last_visit_days.at_most,
        attributes={name: tuple(values) for name, values in said.attributes.items()},
        if_not_known=said.if_not_known,
    )


def _audience_shown(kept: dict[str, Any]) -> Audience:
    rules = msgspec.convert(kept, AudienceRules)
    return Audience(
        languages=list(rules.languages),
        interests=list(rules.interests),
        visits=Between(at_least=rules.visits_at_least, at_most=rules.visits_at_most),
        last_visit_days=Between(
            at_least=rules.last_visit_days_at_least, at_most=rules.last_visit_days_at_most
        ),
        attributes={name: list(values) for name, values in rules.attributes.items()},
        if_not_known=rules.if_not_known,
    )


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
        quiet_hours=QuietHoursRule(when_quiet=row.when_quiet, needs_presence=row.needs_presence),  # type: ignore[arg-type]  # the column's CHECK
        audience=_audience_shown(row.audience),
        budget=OfferBudget(**{name: getattr(budget, name) for name in OfferBudget.__struct_fields__}),
        **same,
    )


# Members that are called the same in the table.
_SAME: Final = [
    name
    for name in Offer.__struct_fields__
    if hasattr(OfferRow, name) and name not in {"content", "audience"}
]
