"""The reference's rules: what stands against one offer for one person at one moment, if anything.

Written from the design (its invariants 1, 2, 5 to 8 and 10) and from what `offers.terms` and the routes say
of every member, one rule after the other, slow and without shortcuts. Not from the code of the rules.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from tests.reference.clocks import first_day, first_moment, is_quiet_at, quiet_ends, wall
from tests.reference.facts import Cap, Case, Crossing, Hours, Offer, Past

LONGEST_HOLD = timedelta(hours=24)
SAME_VISIT = timedelta(hours=4)
VISITS_KEPT = timedelta(days=90)
SPREAD = timedelta(minutes=30)


@dataclass(frozen=True)
class Asked:
    """One offer at one crossing, and what is known when it is asked about."""

    case: Case
    crossing: Crossing
    offer: Offer
    history: tuple[Past, ...]
    holds: frozenset[int]
    budget: str

    @property
    def past_of_offer(self) -> list[Past]:
        return [past for past in self.history if past.offer_id == self.offer.offer_id]


def concerns(offer: Offer, crossing: Crossing) -> bool:
    """The retailer's own fences: by id, by tag, by site."""
    place = crossing.place
    return (
        offer.retailer_id == place.retailer_id
        and crossing.trigger in offer.triggers
        and (
            place.fence_id in offer.fence_ids
            or any(tag in place.fence_tags for tag in offer.fence_tags)
            or (place.site_id is not None and place.site_id in offer.site_ids)
        )
    )


def is_quiet(case: Case) -> bool:
    start, end = quiet_times(case)
    return is_quiet_at(case.now, case.person.time_zone, start, end)


def quiet_times(case: Case):
    """Their own, or the system's where they chose none."""
    person, defaults = case.person, case.defaults
    if person.quiet_start is None or person.quiet_end is None:
        return defaults.quiet_start, defaults.quiet_end
    return person.quiet_start, person.quiet_end


def released_at(case: Case) -> datetime:
    """The end of the quiet hours, and the person's own share of half an hour: a hash as a fraction."""
    drawn = blake2b(case.person.customer_id.bytes, digest_size=4, person=b"hold").hexdigest()
    return quiet_ends(case.now, case.person.time_zone, *quiet_times(case)) + SPREAD * (int(drawn, 16) / 2**32)


def as_given(case: Case, offer: Offer) -> Offer:
    """In quiet hours without a notification, if the offer says so: it goes to the inbox."""
    if offer.when_quiet == "inbox_only" and is_quiet(case):
        return replace(offer, channel="inbox")
    return offer


def what_stands_against(asked: Asked) -> str | None:
    """The first reason, in the order in which the rules are asked; None: it may be given."""
    return next(reasons(asked), None)


def reasons(asked: Asked) -> Iterator[str]:  # noqa: C901, PLR0912 - one branch per rule, in their order
    case, crossing, offer, now = asked.case, asked.crossing, asked.offer, asked.case.now
    if offer.is_stopped or offer.offer_id in case.stopped:
        yield "stopped"
    if offer.status != "active":
        yield "not_active"
    if not is_fence_on(asked):
        yield "fence_inactive"
    if not is_between(offer.starts_at, offer.ends_at, now) or not is_on(
        offer.weekly_hours, crossing.place.time_zone, now
    ):
        yield "not_scheduled"
    if offer.only_while_open and not is_site_open(asked):
        yield "site_closed"
    at_most = LONGEST_HOLD if crossing.was_held else timedelta(seconds=offer.stale_after_s)
    if now - crossing.at > at_most:
        yield "stale"
    if crossing.was_held and offer.needs_presence and not crossing.is_present:
        yield "not_present"
    grants = case.person.grants
    if "location_offers" not in grants or f"marketing:{offer.retailer_id}:{offer.channel}" not in grants:
        yield "no_consent"
    if case.person.age_band != "adult":
        yield "minor"
    if not is_for_this_person(asked):
        yield "audience"
    if any(past.was_dismissed for past in asked.past_of_offer):
        yield "dismissed"
    if is_quiet(case) and offer.when_quiet != "inbox_only":
        if offer.when_quiet == "drop" or released_at(case) - crossing.at > LONGEST_HOLD:
            yield "quiet_hours"
        else:
            yield "already_held" if offer.offer_id in asked.holds else "held"
    if not is_within_customer_limit(asked):
        yield "customer_limit"
    if not is_eligible_again(asked):
        yield "re_eligibility"
    if not offer.ignores_caps and any(is_reached(cap, asked) for cap in case.caps):
        yield "frequency_cap"
    if offer.redemptions_left is not None and offer.redemptions_left < 1:
        yield "budget_spent"
    if asked.budget != "free":
        yield f"budget_{asked.budget}"


# Times ----------------------------------------------------------------------------------------------


def is_between(starts_at: datetime | None, ends_at: datetime | None, at: datetime) -> bool:
    if starts_at is not None and at < starts_at:
        return False
    return ends_at is None or at < ends_at


def is_on(hours: Hours | None, time_zone: str, at: datetime) -> bool:
    """None is always; hours that nobody can read are never."""
    if hours is None:
        return True
    return hours.is_on is not None and hours.is_on(wall(at, time_zone))


def is_fence_on(asked: Asked) -> bool:
    place, now = asked.crossing.place, asked.case.now
    return is_between(place.fence_starts_at, place.fence_disabled_at, now) and is_on(
        place.fence_active_hours, place.time_zone, now
    )


def is_site_open(asked: Asked) -> bool:
    """Not known is closed: rather silent than a locked door."""
    place = asked.crossing.place
    return place.opening_hours is not None and is_on(place.opening_hours, place.time_zone, asked.case.now)


# For whom -------------------------------------------------------------------------------------------


def is_for_this_person(asked: Asked) -> bool:
    audience, person = asked.offer.audience, asked.case.person
    if audience.languages and person.language.split("-")[0].lower() not in audience.languages:
        return False
    for answer in personal_answers(asked):
        if answer is None and audience.if_not_known != "include":
            return False
        if answer is False:
            return False
    return True


def personal_answers(asked: Asked) -> Iterator[bool | None]:
    """What every rule says that takes consent to personalisation; None: it is not known."""
    audience, person, retailer = asked.offer.audience, asked.case.person, asked.offer.retailer_id
    may_ask = "personalisation" in person.grants
    if audience.interests:
        yield any(one in person.interests for one in audience.interests) if may_ask else None
    for name, values in audience.attributes.items():
        said = (person.attributes or {}).get(retailer, {}).get(name) if may_ask else None
        yield None if said is None else said in values
    # As of the crossing: an offer that waited overnight for a newcomer still finds a newcomer.
    at = asked.crossing.at
    visits = visits_before((person.visits or {}).get(retailer, ()), at)
    least, most = audience.visits_at_least, audience.visits_at_most
    if least is not None or most is not None:
        yield is_number_between(len(visits), least, most) if may_ask else None
    least, most = audience.last_visit_days_at_least, audience.last_visit_days_at_most
    if least is not None or most is not None:
        # Who has not been there in the last 90 days was there longer ago than any number of days asked for.
        met = is_number_between((at - visits[-1]).days, least, most) if visits else most is None
        yield met if may_ask else None


def is_number_between(number: int, least: int | None, most: int | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def visits_before(stays: tuple[datetime, ...], at: datetime) -> list[datetime]:
    """When each visit of 90 days began, but for the one under way. Stays within four hours are one."""
    groups: list[list[datetime]] = []
    for stay in sorted(stay for stay in stays if timedelta(0) <= at - stay <= VISITS_KEPT):
        if groups and stay - groups[-1][-1] <= SAME_VISIT:
            groups[-1].append(stay)
        else:
            groups.append([stay])
    return [group[0] for group in groups if at - group[-1] > SAME_VISIT]


# How often ------------------------------------------------------------------------------------------


def is_within_customer_limit(asked: Asked) -> bool:
    offer = asked.offer
    if offer.customer_limit is None:
        return True
    given = [past for past in asked.past_of_offer if past.takes_slot]
    if offer.customer_limit_days is not None:
        since = asked.case.now - timedelta(days=offer.customer_limit_days)
        given = [past for past in given if past.decided_at >= since]
    return len(given) < offer.customer_limit


def is_eligible_again(asked: Asked) -> bool:
    if asked.offer.re_eligible_after_s is None:
        return True
    wait = timedelta(seconds=asked.offer.re_eligible_after_s)
    return all(asked.case.now - past.decided_at >= wait for past in asked.past_of_offer if past.takes_slot)


def is_reached(cap: Cap, asked: Asked) -> bool:
    offer, since = asked.offer, window_start(cap, asked)
    if not is_in_scope(cap, offer.retailer_id, offer.offer_id):
        return False
    if not is_narrowed_to(cap, offer.channel, offer.tags):
        return False
    taken = 0
    for past in asked.history:
        if (
            past.takes_slot
            and past.counts_toward_caps
            and past.decided_at >= since
            and is_in_scope(cap, past.retailer_id, past.offer_id)
            and (cap.scope != "each_retailer" or past.retailer_id == offer.retailer_id)
            and is_narrowed_to(cap, past.channel, past.tags)
        ):
            taken += 1
    return taken >= cap.at_most


def is_in_scope(cap: Cap, retailer_id: int, offer_id: int) -> bool:
    return {
        "system": True,
        "each_retailer": True,
        "retailer": cap.retailer_id == retailer_id,
        "offer": cap.offer_id == offer_id,
    }[cap.scope]


def is_narrowed_to(cap: Cap, channel: str, tags: tuple[str, ...]) -> bool:
    return cap.channel in {None, channel} and (cap.tag is None or cap.tag in tags)


def window_start(cap: Cap, asked: Asked) -> datetime:
    if cap.window == "rolling":
        assert cap.rolling_s is not None
        return asked.case.now - timedelta(seconds=cap.rolling_s)
    assert cap.calendar_unit is not None
    zone = asked.case.person.time_zone
    return first_moment(first_day(wall(asked.case.now, zone).date(), cap.calendar_unit), zone)
