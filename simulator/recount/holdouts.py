"""Who is held out stays out, and they are as many as the offer says.

Nobody is told at the time; what is held against the server is its own export of each person, read when
the run is over.
"""

from collections import defaultdict
from collections.abc import Iterator
from math import sqrt
from typing import Final

from simulator.journal import Journal
from simulator.recount.rules import Rules, Violation, named

FEWEST: Final = 50
# In standard errors: once in two million runs by chance.
FAR_OFF: Final = 5.0


def broken_holdouts(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """People who were given what they are held out of, and offers that hold out too many or too few."""
    out_of_all = {one.customer for one in journal.held_out if one.drawn_for == "everything"}
    out_of = {(one.customer, one.offer_id) for one in journal.held_out if one.drawn_for == "offer"}
    given: dict[int, set[str]] = defaultdict(set)
    for seen in journal.seen.values():
        delivery = seen.delivery
        if delivery.decided_at < rules.start:
            continue
        given[delivery.offer_id].add(delivery.customer)
        if delivery.customer in out_of_all:
            yield Violation("holdouts", f"{named(delivery)}, who is held out of everything")
        elif (delivery.customer, delivery.offer_id) in out_of:
            yield Violation("holdouts", f"{named(delivery)}, who is held out of it")
    for offer_id, limits in sorted(rules.offers.items()):
        held = {
            one.customer
            for one in journal.held_out
            if (one.offer_id, one.drawn_for) == (offer_id, "offer") and one.decided_at >= rules.start
        }
        yield from _far_off(offer_id, limits.holdout_percent, len(held), len(held | given[offer_id]))


def _far_off(offer_id: int, percent: int, held: int, people: int) -> Iterator[Violation]:
    expected = people * percent / 100
    error = sqrt(people * percent / 100 * (1 - percent / 100))
    if (held and not percent) or (people >= FEWEST and abs(held - expected) >= FAR_OFF * error):
        text = f"held out {held} of {people} people, where {percent} in a hundred should be"
        yield Violation("holdouts", f"offer {offer_id} {text}")
