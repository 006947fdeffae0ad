"""The same case, decided by the engine: its own values, and its `Decider` without a database."""

from collections import Counter
from dataclasses import fields
from typing import Any
from uuid import UUID

from geo.index import FenceIndex
from offers import terms
from offers.eligibility import concerns
from offers.engine.deciding import Decided, Decider, Occasion, by_fix
from offers.engine.leases import Lease, Leases
from offers.engine.loading import Customer
from offers.engine.snapshot import Snapshot
from tests.reference import facts

BUCKET = 7
CONTENT = {"en": {"title": "Something", "text": "For you"}}


def decide(case: facts.Case) -> Decided:
    """What the engine decides, as a flush does it: fixes first, then what is let go."""
    customer = a_customer(case)
    decided = Decided()
    decider = Decider(
        a_snapshot(case), some_leases(case), {case.person.customer_id: customer}, case.now, decided
    )
    offers = [an_offer(offer) for offer in case.offers]
    occasions = [one for c in case.crossings if (one := an_occasion(case, c, offers)).offers]
    for together in by_fix(occasions):
        decider.decide(together)
    if case.let_go:
        decider.decide([an_occasion(case, crossing, offers) for crossing in case.let_go])
    return decided


def a_customer(case: facts.Case) -> Customer:
    history = (carried(terms.PastDelivery, past) for past in case.history)
    return Customer(carried(terms.Person, case.person), history, holds=case.holds)


def a_snapshot(case: facts.Case) -> Snapshot:
    return Snapshot(
        version=1,
        stop_version=1,
        fences={},
        index=FenceIndex([], []),
        caps=tuple(carried(terms.Cap, cap) for cap in case.caps),
        defaults=carried(terms.Defaults, case.defaults),
        stopped=case.stopped,
        shapes={},
    )


def some_leases(case: facts.Case) -> Leases:
    leases = Leases(pool=None, workers=1, monotonic=lambda: 0.0)  # type: ignore[arg-type]  # nothing is leased
    for offer_id, units in case.units.items():
        leases._held[offer_id] = Lease(UUID(int=offer_id), units.left, 50.0, units.good_until)
        leases._refused[offer_id] = (units.when_out, 2.0)
    return leases


def an_occasion(case: facts.Case, crossing: facts.Crossing, offers: list[terms.Offer]) -> Occasion:
    place = carried(terms.Place, crossing.place)
    if crossing.was_held:
        concerned = [offer for offer in offers if offer.offer_id == crossing.offer_id]
    else:
        concerned = [o for o in offers if concerns(o, place) and crossing.trigger in o.triggers]
    return Occasion(
        bucket=BUCKET,
        customer_id=case.person.customer_id,
        device_id=crossing.device_id,
        at=crossing.at.timestamp(),
        crossing_id=crossing.crossing_id,
        trigger=crossing.trigger,
        place=place,
        offers=tuple(concerned),
        distance_m=crossing.distance_m,
        is_answered=not crossing.was_held,
        was_held=crossing.was_held,
        is_present=crossing.is_present,
    )


def an_offer(offer: facts.Offer) -> terms.Offer:
    return carried(terms.Offer, offer, content=CONTENT)


def carried(kind: type, fact: Any, **more: Any) -> Any:
    """The engine's value with the same members; hours become their text again."""
    values = {one.name: getattr(fact, one.name) for one in fields(fact)}
    for name, value in values.items():
        if isinstance(value, facts.Hours):
            values[name] = value.text
        elif isinstance(value, facts.Audience):
            values[name] = carried(terms.Audience, value)
    return kind(**values, **more)


def counts(decided: Decided) -> Counter:
    return Counter(
        {(one.offer_id, one.fence_id, one.moment, str(one.reason)): n for one, n in decided.outcomes.items()}
    )
