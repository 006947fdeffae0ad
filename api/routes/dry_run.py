"""Dry runs over HTTP: what would be decided about an invented person, or for an admin about a real one."""

from datetime import datetime, time
from typing import Annotated, Any, Final, Literal
from uuid import UUID, uuid4

import msgspec
from litestar import Response, Router, post
from litestar.datastructures import State
from litestar.params import JSONBody

from api.audit import READS_ONLY, audit
from api.auth import AuthKey, Key, requires, tenant_of
from api.database import PLAIN, Now, Tx
from api.languages import AcceptLanguage, spoken_language
from api.routes.resources import PlaceId, RetailerId
from geo.errors import Fault, Forbidden, InvalidInput
from geo.wall_clock import is_zone
from offers.buckets import bucket_of
from offers.handing.plain_words import SpokenLanguage, say
from offers.people.customers import QuietHours
from offers.retail.rehearsal import Occasion, Rehearsed, Somebody, real_customer, rehearse
from offers.terms import (
    LOCATION_OFFERS,
    MEASUREMENT,
    PERSONALISATION,
    AgeBand,
    Channel,
    PastDelivery,
    Person,
    Rule,
    marketing_grant,
)

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_LOOK: Final = """
    INSERT INTO customer_looks (bucket, customer_id, look_id, key_id, reason, looked_at)
    VALUES ($1, $2, $3, $4, $5, $6)
"""


class InventedGrants(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the invented person said yes to; marketing of this retailer by channel."""

    location_offers: bool = True
    personalisation: bool = False
    measurement: bool = False
    marketing: list[Channel] = msgspec.field(default_factory=lambda: ["push", "inbox"])


class InventedDelivery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An offer of this retailer that the invented person was given before."""

    offer_id: PlaceId
    decided_at: Moment
    channel: Channel = "push"
    tags: list[str] = []
    counts_toward_caps: bool = True
    was_dismissed: bool = False


class InventedPerson(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Somebody who is not there. `stays` are when they stayed at one of your places before."""

    time_zone: str = "Europe/Paris"
    language: str = "en"
    age_band: AgeBand = "adult"
    grants: InventedGrants = msgspec.field(default_factory=InventedGrants)
    quiet_hours: QuietHours | None = None
    interests: list[str] = []
    stays: Annotated[list[Moment], msgspec.Meta(max_length=1000)] = []
    attributes: dict[str, str] = {}
    history: Annotated[list[InventedDelivery], msgspec.Meta(max_length=1000)] = []


class DryRunDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where, how and for whom: either `fence_id` or `lat` and `lon`; either `person` or `customer_id`.

    `offer_ids` none: all that are tied to the fence. `at`: now. A real customer is for an admin only, who
    says why (`reason`); it is recorded, and the customer can read it.
    """

    trigger: Literal["enter", "dwell", "exit"] = "enter"
    fence_id: PlaceId | None = None
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    at: Moment | None = None
    offer_ids: Annotated[list[PlaceId], msgspec.Meta(max_length=200)] = []
    person: InventedPerson | None = None
    customer_id: UUID | None = None
    reason: Annotated[str, msgspec.Meta(min_length=10, max_length=500)] | None = None


class RuleSaid(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: its stable name, its answer, the sentence a customer reads, the numbers compared."""

    name: str
    passed: bool
    text: str
    numbers: dict[str, Any]


class OfferSaid(msgspec.Struct, frozen=True, kw_only=True):
    """One offer. `reason` is what would become of it; `is_tied`: to this fence and trigger."""

    offer_id: int
    status: str
    is_tied: bool
    reason: str
    channel: str
    hold_until: datetime | None
    rules: list[RuleSaid]


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was written. `winner` is the offer that would be given, if any; others that pass lose to it."""

    fence_id: int
    at: datetime
    winner: int | None
    offers: list[OfferSaid]


@post(
    "/v1/dry-run",
    guards=[requires("read")],
    opt=READS_ONLY,
    status_code=200,
    operation_id="dryRun",
    summary="What would be decided",
    description="Every rule of every offer with its numbers, also after one failed; drafts too. For an"
    " invented person; an admin may ask about a real customer and must say why, which the customer can read."
    " Nothing is written otherwise, no budget is leased, no slot taken. An invented person is not drawn to be"
    " held out.",
)
async def dry_run(
    state: State,
    tx: Tx,
    now: Now,
    key: AuthKey,
    data: JSONBody[DryRunDraft],
    retailer_id: RetailerId = None,
    accept_language: AcceptLanguage = None,
) -> Response[DryRun]:
    tenant = tenant_of(key, retailer_id)
    at = data.at or now
    occasion = Occasion(trigger=data.trigger, at=at, fence_id=data.fence_id, position=_position(data))
    who = await _somebody(tx, key, tenant, data, at, now)
    language = spoken_language(accept_language)
    found = await rehearse(tx, tenant, occasion, data.offer_ids, who, state.settings.default_time_zone)
    said = [_said(one, language, who.person.time_zone) for one in found.offers]
    body = DryRun(fence_id=found.place.fence_id, at=at, winner=found.winner, offers=said)
    return Response(body, headers={"content-language": language, "vary": "Accept-Language"})


def _position(data: DryRunDraft) -> tuple[float, float] | None:
    if (data.lat is None) != (data.lon is None) or (data.fence_id is None) == (data.lat is None):
        raise _wrong("fence_id", "or lat and lon must say where, not both")
    return None if data.lat is None or data.lon is None else (data.lat, data.lon)


async def _somebody(
    tx: Tx, key: Key, tenant: int, data: DryRunDraft, at: datetime, now: datetime
) -> Somebody:
    if (data.person is None) == (data.customer_id is None):
        raise _wrong("person", "or customer_id must say for whom, not both")
    if data.person is not None:
        return _invented(tenant, data.person)
    assert data.customer_id is not None
    if key.retailer_id is not None:
        raise Forbidden("Only an admin may ask about a real customer.")
    if data.reason is None:
        raise _wrong("reason", "is required to ask about a real customer, who can read it")
    bucket = bucket_of(data.customer_id)
    who = await real_customer(tx, bucket, data.customer_id, at)
    await tx.execute(_LOOK, bucket, data.customer_id, uuid4(), key.key_id, data.reason, now)
    await audit(tx, "customer", retailer_id=tenant, reason=data.reason)
    return who


def _invented(tenant: int, said: InventedPerson) -> Somebody:
    if not is_zone(said.time_zone):
        raise _wrong("person.time_zone", "is not an IANA time zone such as Europe/Paris")
    grants = {marketing_grant(tenant, channel) for channel in said.grants.marketing}
    for purpose in (LOCATION_OFFERS, PERSONALISATION, MEASUREMENT):
        if getattr(said.grants, purpose):
            grants.add(purpose)
    start, end = _quiet(said.quiet_hours)
    person = Person(
        customer_id=uuid4(),
        time_zone=said.time_zone,
        language=said.language,
        grants=frozenset(grants),
        quiet_start=start,
        quiet_end=end,
        interests=frozenset(said.interests),
        age_band=said.age_band,
        visits={tenant: tuple(said.stays)},
        attributes={tenant: said.attributes} if said.attributes else {},
    )
    return Somebody(person=person, history=[_past(tenant, one) for one in said.history])


def _quiet(said: QuietHours | None) -> tuple[time | None, time | None]:
    if said is None:
        return None, None
    try:
        return time.fromisoformat(said.start), time.fromisoformat(said.end)
    except ValueError:
        raise _wrong("person.quiet_hours", 'must be wall-clock times "HH:MM"') from None


def _past(tenant: int, said: InventedDelivery) -> PastDelivery:
    return PastDelivery(
        offer_id=said.offer_id,
        retailer_id=tenant,
        channel=said.channel,
        tags=tuple(said.tags),
        decided_at=said.decided_at,
        counts_toward_caps=said.counts_toward_caps,
        was_dismissed=said.was_dismissed,
    )


def _said(one: Rehearsed, language: SpokenLanguage, time_zone: str) -> OfferSaid:
    return OfferSaid(
        offer_id=one.offer.offer_id,
        status=one.offer.status,
        is_tied=one.is_tied,
        reason=one.reason,
        channel=one.decision.offer.channel,
        hold_until=one.decision.hold_until,
        rules=[_rule(rule, language, time_zone) for rule in (*one.decision.rules, *one.draws)],
    )


def _rule(rule: Rule, language: SpokenLanguage, time_zone: str) -> RuleSaid:
    text = say(rule, language, time_zone)
    return RuleSaid(name=rule.name, passed=rule.passed, text=text, numbers=rule.numbers)


def _wrong(field: str, reason: str) -> InvalidInput:
    return InvalidInput("This cannot be tried.", faults=(Fault(field, reason),))


router: Final = Router(
    "/",
    route_handlers=[dry_run],
    dependencies=PLAIN,
    tags=["Reports"],
    security=[{"retailerKey": []}],
)
