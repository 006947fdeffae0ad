"""Whether one offer may be delivered for one crossing, and if not, why not.

Owns the order in which the rules are asked; the rules themselves live in `schedule`, `consent`,
`audience`, `quiet_hours` and `caps`. The first that fails gives the reason, so cheap and absolute ones
come first, and last those that may be different when the quiet hours are over: an offer that is held is
asked about in full when it is let go. Choosing among offers that pass is `ranking`'s, drawing who is
held out `holdouts`'; loading what is asked about, the engine's.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from geo.wall_clock import later, wall_time
from offers.audience import audience_rules
from offers.caps import binding
from offers.consent import missing_for
from offers.minors import is_adult
from offers.quiet_hours import is_quiet, quiet_times, released_at
from offers.schedule import is_fence_active, is_scheduled, is_site_open
from offers.terms import Cap, Defaults, Offer, PastDelivery, Person, Place, Reason, Rule, Trigger

# free: a unit of the delivery budget can be had (or there is no budget); reserved: what is left is
# leased to other workers.
Budget = Literal["free", "spent", "reserved"]
Numbers = dict[str, str | int | float | bool | None]

# How old a crossing may be whose offer was held.
LONGEST_HOLD: Final = timedelta(hours=24)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One offer, for one crossing of one person, with everything the rules look at.

    `history` must hold the person's deliveries back to the start of every window asked about, and
    for this offer all of them (dismissals and limits "ever" do not end). `is_stopped` tells of a
    stop that is newer than the offer's own snapshot. `was_held`: it waited for the quiet hours to end, and
    `is_present` tells whether the person is still there. `holds` are the offers that wait already.
    """

    offer: Offer
    trigger: Trigger
    crossed_at: datetime
    place: Place
    person: Person
    history: Sequence[PastDelivery]
    caps: Sequence[Cap]
    defaults: Defaults
    budget: Budget
    now: datetime
    is_stopped: bool = False
    was_held: bool = False
    is_present: bool = True
    holds: Collection[int] = ()

    def past_of_offer(self) -> list[PastDelivery]:
        return [past for past in self.history if past.offer_id == self.offer.offer_id]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, and the rules that were asked up to and including the one that decided.

    `offer` is as it would be given: over the inbox, if it is to be quiet. `hold_until` goes with `HELD`.
    """

    offer: Offer
    reason: Reason
    rules: tuple[Rule, ...]
    hold_until: datetime | None = None

    @property
    def is_pass(self) -> bool:
        return self.reason is Reason.DELIVERED


def decide(q: Question) -> Decision:
    """Ask the rules in order until one fails. All caps are asked together, to name every one that binds."""
    q = quietened(q)
    asked: list[Rule] = []
    for ask in RULES:
        answers = ask(q)
        asked.extend(answers)
        failed = next((rule for rule in answers if not rule.passed), None)
        if failed is not None:
            return _failed(q, failed, tuple(asked))
    return Decision(offer=q.offer, reason=Reason.DELIVERED, rules=tuple(asked))


def examine(q: Question) -> Decision:
    """Ask every rule, also after one failed: for whoever wants to see all the numbers."""
    q = quietened(q)
    answers = tuple(rule for ask in RULES for rule in ask(q))
    failed = next((rule for rule in answers if not rule.passed), None)
    if failed is not None:
        return _failed(q, failed, answers)
    return Decision(offer=q.offer, reason=Reason.DELIVERED, rules=answers)


def quietened(q: Question) -> Question:
    """The same question about an offer that goes to the inbox, where it would disturb somebody otherwise."""
    if q.offer.when_quiet != "inbox_only" or not is_quiet(q.person, q.defaults, q.now):
        return q
    return msgspec.structs.replace(q, offer=msgspec.structs.replace(q.offer, channel="inbox"))


def _failed(q: Question, failed: Rule, rules: tuple[Rule, ...]) -> Decision:
    """Put off, where it is the quiet hours that stand against it, and the offer waits for their end."""
    if failed.name is Reason.QUIET_HOURS and q.offer.when_quiet == "hold":
        until = released_at(q.person, q.defaults, q.now)
        if until is not None and until - q.crossed_at <= LONGEST_HOLD:
            reason = Reason.ALREADY_HELD if q.offer.offer_id in q.holds else Reason.HELD
            return Decision(offer=q.offer, reason=reason, rules=rules, hold_until=until)
    return Decision(offer=q.offer, reason=failed.name, rules=rules)


def offers_for(trigger: Trigger, place: Place, offers: Iterable[Offer]) -> list[Offer]:
    """The offers that a crossing of this fence concerns, in the order given."""
    return [offer for offer in offers if trigger in offer.triggers and concerns(offer, place)]


def concerns(offer: Offer, place: Place) -> bool:
    """Whether an offer is tied to this fence: by its id, one of its tags, or its site.

    Only the retailer's own fences. An offer that names nothing is tied to nothing; the edge refuses it.
    """
    return offer.retailer_id == place.retailer_id and (
        place.fence_id in offer.fence_ids
        or place.site_id in offer.site_ids
        or not offer.fence_tags.isdisjoint(place.fence_tags)
    )


def _not_stopped(q: Question) -> tuple[Rule, ...]:
    return (Rule(name=Reason.STOPPED, passed=not (q.is_stopped or q.offer.is_stopped)),)


def _active(q: Question) -> tuple[Rule, ...]:
    status = q.offer.status
    return (Rule(name=Reason.NOT_ACTIVE, passed=status == "active", numbers={"status": status}),)


def _on_at_this_time(q: Question) -> tuple[Rule, ...]:
    """Times are read when the decision falls, not when the fence was crossed: it is then that it is seen."""
    fence = is_fence_active(q.place, q.now)
    offer = is_scheduled(q.offer, q.place.time_zone, q.now)
    return fence, offer, is_site_open(q.offer, q.place, q.now)


def _fresh(q: Question) -> tuple[Rule, ...]:
    age_s = (q.now - q.crossed_at).total_seconds()
    at_most_s = LONGEST_HOLD.total_seconds() if q.was_held else float(q.offer.stale_after_s)
    numbers: Numbers = {"age_s": age_s, "at_most_s": at_most_s}
    if q.was_held:
        numbers["was_held"] = True
    return (Rule(name=Reason.STALE, passed=age_s <= at_most_s, numbers=numbers),)


def _present(q: Question) -> tuple[Rule, ...]:
    """Asked when a held offer is let go: a crossing itself says that somebody is there, or has left."""
    if not (q.was_held and q.offer.needs_presence):
        return ()
    return (Rule(name=Reason.NOT_PRESENT, passed=q.is_present),)


def _consented(q: Question) -> tuple[Rule, ...]:
    missing = missing_for(q.offer, q.person)
    return (Rule(name=Reason.NO_CONSENT, passed=missing is None, numbers={"missing": missing}),)


def _of_age(q: Question) -> tuple[Rule, ...]:
    """No marketing to minors, whatever was consented to."""
    band = q.person.age_band
    return (Rule(name=Reason.MINOR, passed=is_adult(band), numbers={"age_band": band}),)


def _for_this_person(q: Question) -> tuple[Rule, ...]:
    """As they were when they came: the visit itself is no earlier one, however long its offer was held."""
    return audience_rules(q.offer, q.person, q.crossed_at)


def _not_quiet(q: Question) -> tuple[Rule, ...]:
    start, end = quiet_times(q.person, q.defaults)
    clock = wall_time(q.now, q.person.time_zone).time()
    numbers: Numbers = {"clock": f"{clock:%H:%M:%S}", "start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}
    is_silent = q.offer.when_quiet == "inbox_only" and q.offer.channel == "inbox"
    if is_silent:
        numbers["inbox_only"] = True
    passed = is_silent or not is_quiet(q.person, q.defaults, q.now)
    return (Rule(name=Reason.QUIET_HOURS, passed=passed, numbers=numbers),)


def _never_dismissed(q: Question) -> tuple[Rule, ...]:
    """An offer that was dismissed is not shown to that person again."""
    dismissed = sum(past.was_dismissed for past in q.past_of_offer())
    return (Rule(name=Reason.DISMISSED, passed=not dismissed, numbers={"dismissed": dismissed}),)


def _within_customer_limit(q: Question) -> tuple[Rule, ...]:
    limit, days = q.offer.customer_limit, q.offer.customer_limit_days
    if limit is None:
        return ()
    since = None if days is None else later(q.now, timedelta(days=-days))
    given = sum(past.takes_slot and (since is None or past.decided_at >= since) for past in q.past_of_offer())
    numbers: Numbers = {"at_most": limit, "days": days, "counted": given}
    return (Rule(name=Reason.CUSTOMER_LIMIT, passed=given < limit, numbers=numbers),)


def _eligible_again(q: Question) -> tuple[Rule, ...]:
    wait_s = q.offer.re_eligible_after_s
    given = [past.decided_at for past in q.past_of_offer() if past.takes_slot]
    if wait_s is None or not given:
        return ()
    since_s = (q.now - max(given)).total_seconds()
    numbers: Numbers = {"at_least_s": wait_s, "since_last_s": since_s}
    return (Rule(name=Reason.RE_ELIGIBILITY, passed=since_s >= wait_s, numbers=numbers),)


def _within_caps(q: Question) -> tuple[Rule, ...]:
    if q.offer.ignores_caps:
        return (Rule(name=Reason.FREQUENCY_CAP, passed=True, numbers={"ignores_caps": True}),)
    return binding(q.caps, q.offer, q.history, q.person.time_zone, q.now)


def _affordable(q: Question) -> tuple[Rule, ...]:
    left = q.offer.redemptions_left
    in_stock = left is None or left > 0
    is_reserved = in_stock and q.budget == "reserved"
    return (
        Rule(
            name=Reason.BUDGET_RESERVED if is_reserved else Reason.BUDGET_SPENT,
            passed=in_stock and q.budget == "free",
            numbers={"budget": q.budget, "redemptions_left": left},
        ),
    )


RULES: Final[tuple[Callable[[Question], tuple[Rule, ...]], ...]] = (
    _not_stopped,
    _active,
    _on_at_this_time,
    _fresh,
    _present,
    _consented,
    _of_age,
    _for_this_person,
    _never_dismissed,
    _not_quiet,
    _within_customer_limit,
    _eligible_again,
    _within_caps,
    _affordable,
)
