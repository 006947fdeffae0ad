"""A dry run as it is asked and answered on the wire, and the way between it and `offers.engine`."""

from datetime import datetime, time
from itertools import pairwise, zip_longest
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from api.routes.offer_forms import Moment
from api.routes.resources import PlaceId
from geo.errors import Fault, InvalidInput
from geo.places import moment_faults
from geo.wall_clock import is_zone
from offers.engine.invented import InventedDelivery, InventedGrants, InventedPerson
from offers.engine.rehearsal import Examined, NotConsidered, Rehearsal
from offers.engine.scenes import MOST_OFFERS
from offers.handing.plain_words import SpokenLanguage, say
from offers.handing.rehearsal_words import say_ahead, say_outcome
from offers.handing.why import RuleInWords
from offers.people.customers import MAX_INTEREST_LENGTH, MAX_INTERESTS, QuietHours, is_language
from offers.people.looks import LONGEST_REASON, SHORTEST_REASON
from offers.ranking import Criterion, set_apart_by
from offers.retail.audience_edits import attribute_faults
from offers.terms import AgeBand, Channel, Rule

_LOT: Final = "Another number is another person to the draws of holdouts and other lots."
_OFFERS: Final = "Your own, drafts too; null: all active and paused ones that are tied to the place."
_AS_IF: Final = "As if drafts and paused offers were activated."
_BY_ANOTHER: Final = "null: by another business."

Tag = Annotated[str, Meta(min_length=1, max_length=MAX_INTEREST_LENGTH)]
Tags = Annotated[list[Tag], Meta(max_length=MAX_INTERESTS)]


class GrantsForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the invented person said yes to; `marketing` by your offers' channels."""

    location_offers: bool = False
    personalisation: bool = False
    measurement: bool = False
    marketing: Annotated[list[Channel], Meta(max_length=2)] = []


class PastForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Something the invented person was given before. Channel and tags: the offer's, if not said."""

    decided_at: Moment
    offer_id: Annotated[PlaceId | None, Meta(description=_BY_ANOTHER)] = None
    channel: Channel | None = None
    tags: Tags | None = None
    counts_toward_caps: bool = True
    was_dismissed: bool = False


class PersonForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Somebody who does not exist. `visits`: when stays at your places began; `attributes`: what you said."""

    time_zone: Annotated[str, Meta(max_length=64)] = "Europe/Paris"
    language: Annotated[str, Meta(max_length=35)] = "en"
    age_band: AgeBand = "unknown"
    grants: GrantsForm = msgspec.field(default_factory=GrantsForm)
    quiet_hours: QuietHours | None = None
    interests: Tags = []
    visits: Annotated[list[Moment], Meta(max_length=200)] = []
    attributes: dict[str, str] = {}
    history: Annotated[list[PastForm], Meta(max_length=500)] = []
    lot: Annotated[int, Meta(ge=1, le=1_000_000, description=_LOT)] = 1


class RealCustomer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A real person, for admins. The reason is kept, and the person reads it in their export."""

    customer_id: UUID
    reason: Annotated[str, Meta(min_length=SHORTEST_REASON, max_length=LONGEST_REASON)]


class DryRun(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What would be decided, if … Name a fence or a position, and exactly one sort of person."""

    trigger: Literal["enter", "dwell", "exit"]
    offer_ids: (
        Annotated[list[PlaceId], Meta(min_length=1, max_length=MOST_OFFERS, description=_OFFERS)] | None
    ) = None
    as_if_active: Annotated[bool, Meta(description=_AS_IF)] = False
    fence_id: PlaceId | None = None
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    at: Moment | None = None
    person: PersonForm | None = None
    test_phone_id: Annotated[str, Meta(max_length=64)] | None = None
    customer: RealCustomer | None = None


class FenceCrossed(msgspec.Struct, kw_only=True):
    """A fence that would be crossed. `distance_m`: from position to place; 0 where a fence is named."""

    fence_id: int
    name: str
    site_id: int | None
    distance_m: float


class OfferTried(msgspec.Struct, kw_only=True):
    """One offer at one fence. `outcome` is the reason a decision would have; `delivered` is given.

    `not_here` and `other_trigger`: it would not be looked at, and no rule is asked. Otherwise every rule is
    told, also after one failed, with the sentence that the customer would read. `draws` are those of
    holdouts, which count only for the offer that would win.
    """

    offer_id: int
    retailer_id: int
    fence_id: int | None
    status: str
    channel: Channel
    outcome: str
    text: str
    hold_until: datetime | None
    rules: list[RuleInWords]
    draws: list[RuleInWords]


class Ranked(msgspec.Struct, kw_only=True):
    """One of the offers that pass all rules, with what it is ranked by. `ahead_by`: before the next one."""

    offer_id: int
    fence_id: int
    retailer_id: int
    is_disliked: bool
    priority: int
    is_of_interest: bool
    distance_m: float
    last_served_at: datetime | None
    ahead_by: Criterion | None
    text: str


class Winner(msgspec.Struct, kw_only=True):
    """What would be given, and where."""

    offer_id: int
    fence_id: int


class DryRunAnswer(msgspec.Struct, kw_only=True):
    """`ranking` is best first. No `winner`: nothing would be given now."""

    at: datetime
    time_zone: str
    language: SpokenLanguage
    fences: list[FenceCrossed]
    offers: list[OfferTried]
    ranking: list[Ranked]
    winner: Winner | None


def refuse_faulty(data: DryRun) -> None:
    """Raise InvalidInput with every fault that the schema cannot say."""
    faults = [*_choice_faults(data), *moment_faults(data.at, "at")]
    if data.person is not None:
        faults += _person_faults(data.person)
    if data.customer is not None and not data.customer.reason.strip().isprintable():
        faults.append(Fault("customer.reason", "must be printable characters"))
    if faults:
        raise InvalidInput("The dry run cannot be made.", faults=tuple(faults))


def invented_of(form: PersonForm) -> InventedPerson:
    quiet = form.quiet_hours
    return InventedPerson(
        time_zone=form.time_zone,
        language=form.language,
        age_band=form.age_band,
        grants=InventedGrants(
            location_offers=form.grants.location_offers,
            personalisation=form.grants.personalisation,
            measurement=form.grants.measurement,
            marketing=tuple(form.grants.marketing),
        ),
        quiet_hours=(time.fromisoformat(quiet.start), time.fromisoformat(quiet.end)) if quiet else None,
        interests=frozenset(form.interests),
        visits=tuple(form.visits),
        attributes=form.attributes,
        history=tuple(
            InventedDelivery(
                decided_at=one.decided_at,
                offer_id=one.offer_id,
                channel=one.channel,
                tags=None if one.tags is None else tuple(one.tags),
                counts_toward_caps=one.counts_toward_caps,
                was_dismissed=one.was_dismissed,
            )
            for one in form.history
        ),
        lot=form.lot,
    )


def offer_tried(one: Examined, language: SpokenLanguage, time_zone: str) -> OfferTried:
    outcome: str | NotConsidered = one.not_considered or str(one.reason)
    return OfferTried(
        offer_id=one.offer.offer_id,
        retailer_id=one.offer.retailer_id,
        fence_id=None if one.place is None else one.place.fence_id,
        status=one.offer.status,
        channel=one.offer.channel,
        outcome=outcome,
        text=say_outcome(outcome, language, one.hold_until, time_zone),
        hold_until=one.hold_until,
        rules=[_in_words(rule, language, time_zone) for rule in one.rules],
        draws=[_in_words(rule, language, time_zone) for rule in one.draws],
    )


def ranking_of(rehearsal: Rehearsal, language: SpokenLanguage) -> list[Ranked]:
    order = rehearsal.ranking
    aheads: list[Criterion | None] = [set_apart_by(*pair) for pair in pairwise(order)]
    return [
        Ranked(
            offer_id=candidate.offer.offer_id,
            fence_id=candidate.place.fence_id,
            retailer_id=candidate.offer.retailer_id,
            is_disliked=standing.is_disliked,
            priority=standing.priority,
            is_of_interest=standing.is_of_interest,
            distance_m=round(standing.distance_m, 1),
            last_served_at=standing.last_served_at,
            ahead_by=ahead,
            text=say_ahead(ahead, language),
        )
        for (candidate, standing), ahead in zip_longest(order, aheads)
    ]


def _choice_faults(data: DryRun) -> list[Fault]:
    faults = []
    if sum(one is not None for one in (data.person, data.test_phone_id, data.customer)) != 1:
        faults.append(Fault("person", "give exactly one of person, test_phone_id and customer"))
    is_placed = data.lat is not None and data.lon is not None
    if (data.lat is None) != (data.lon is None) or is_placed == (data.fence_id is not None):
        faults.append(Fault("fence_id", "give either fence_id, or lat and lon"))
    return faults


def _person_faults(form: PersonForm) -> list[Fault]:
    faults = []
    if not is_zone(form.time_zone):
        faults.append(Fault("person.time_zone", "is not an IANA time zone such as Europe/Paris"))
    if not is_language(form.language):
        faults.append(Fault("person.language", "is not a language tag such as fr or en-GB"))
    faults += [
        Fault(f"person.quiet_hours.{end}", 'is not a wall-clock time "HH:MM"')
        for end in (("start", "end") if form.quiet_hours else ())
        if not _is_wall_clock(getattr(form.quiet_hours, end))
    ]
    said = {name: [value] for name, value in form.attributes.items()}
    faults += attribute_faults(said, "person.attributes")
    for number, at in enumerate(form.visits):
        faults += moment_faults(at, f"person.visits[{number}]")
    for number, one in enumerate(form.history):
        faults += moment_faults(one.decided_at, f"person.history[{number}].decided_at")
    return faults


def _is_wall_clock(text: str) -> bool:
    try:
        return len(text) == len("HH:MM") and time.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def _in_words(rule: Rule, language: SpokenLanguage, time_zone: str) -> RuleInWords:
    text = say(rule, language, time_zone)
    return RuleInWords(name=rule.name, passed=rule.passed, text=text, numbers=rule.numbers)
