"""What waits for the end of quiet hours waits rightly, is still wanted then, and does not pile up.

A delivery was held when its crossing was told before time moved on to the moment of the delivery. (A
dwell that a timer finds is told in no answer, so nothing is said of those.)
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from simulator.journal import Crossed, Delivery, Journal, Seen
from simulator.recount.quiet import is_quiet, possible_hours
from simulator.recount.rules import Rules, Violation, named

LONGEST: Final = timedelta(hours=24)


def broken_holds(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """Deliveries long after their crossing that should not have waited, or not have come."""
    let_go: dict[tuple[str, datetime], list[Delivery]] = defaultdict(list)
    for seen in journal.seen.values():
        delivery = seen.delivery
        crossed = journal.crossings.get(delivery.crossing_id)
        if delivery.decided_at < rules.start or crossed is None or delivery.decided_at <= crossed.told:
            continue
        let_go[delivery.customer, delivery.decided_at].append(delivery)
        if fault := _fault(seen, crossed, journal, rules):
            yield Violation("holds", f"{named(delivery)} {fault} (crossed at {crossed.told.isoformat()})")
    for (customer, at), together in sorted(let_go.items()):
        if len(together) > 1:
            ids = ", ".join(sorted(delivery.delivery_id for delivery in together))
            yield Violation("holds", f"customer {customer} was given {ids} at once at {at.isoformat()}")


def _fault(seen: Seen, crossed: Crossed, journal: Journal, rules: Rules) -> str | None:
    delivery = seen.delivery
    limits = rules.of(delivery.offer_id)
    if limits.when_quiet != "hold":
        return "though the offer does not wait"
    if delivery.decided_at - crossed.at > LONGEST:
        return "more than a day after its crossing"
    quiet_hours, zones = possible_hours(crossed.customer, crossed.span, journal, rules)
    if not any(is_quiet(quiet, crossed.told, zone) for quiet in quiet_hours for zone in zones):
        return "though it was not quiet when the fence was crossed"
    if limits.needs_presence and _has_left(crossed, delivery.decided_at, journal):
        return "though the phone had left, as the server itself had said"
    return None


def _has_left(crossed: Crossed, at: datetime, journal: Journal) -> bool:
    """Whether the last thing that the server told of this phone at this fence before `at` is its exit."""
    where = crossed.phone, crossed.fence_id
    told = [
        other
        for other in journal.crossings.values()
        if (other.phone, other.fence_id) == where and crossed.told <= other.told < at
    ]
    return bool(told) and max(told, key=lambda other: (other.told, other.at)).kind == "exit"
