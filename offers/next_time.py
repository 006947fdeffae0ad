"""When an offer may be delivered next, as far as times go: its own, its fence's, its site's, the quiet hours.

Every condition says from when on it holds; they are asked in turn until all hold at the same moment. Owns
the search alone: what each time means is `offers.schedule`'s and `offers.quiet_hours`'. Pure.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final
from uuid import UUID

from geo.wall_clock import later
from offers.quiet_hours import quiet_until
from offers.schedule import HORIZON, is_open, next_change
from offers.terms import Defaults, Offer, Person, Place

# Two changes a day for a year, and some more; an expression that changes more often gets no answer. So many
# places with hours of their own are looked at, the first ones.
MOST_STEPS: Final = 1_000
MOST_PLACES: Final = 100

# The first moment from `at` on at which something holds; None: never, or not within a year.
_From = Callable[[datetime], datetime | None]


def next_time(
    offer: Offer, places: Iterable[Place], now: datetime, quiet: Defaults | None = None
) -> datetime | None:
    """The first moment (UTC) from `now` on, within 366 days, at one of these places; None: there is none.

    With `quiet`, outside those quiet hours too, on the clock of the place.
    """
    earliest: datetime | None = None
    for conditions in islice(_told_apart(offer, places, quiet), MOST_PLACES):
        found = _all_at_once(conditions, now)
        if found is not None and (earliest is None or found < earliest):
            earliest = found
        if earliest == now:
            break
    return earliest


def _told_apart(offer: Offer, places: Iterable[Place], quiet: Defaults | None) -> Iterator[list[_From]]:
    """The conditions of places, once for all that have the same."""
    seen = set()
    for place in places:
        hours = [offer.weekly_hours, place.fence_active_hours]
        if offer.only_while_open:
            hours.append(place.opening_hours or "")  # not known is closed
        key = (place.time_zone, place.fence_starts_at, place.fence_disabled_at, *hours)
        if key not in seen:
            seen.add(key)
            yield [
                partial(_between, offer.starts_at, offer.ends_at),
                partial(_between, place.fence_starts_at, place.fence_disabled_at),
                *(partial(_open_from, one, place.time_zone) for one in hours if one is not None),
                *([partial(_not_quiet_from, quiet, place.time_zone)] if quiet else []),
            ]


def _all_at_once(conditions: list[_From], now: datetime) -> datetime | None:
    at, until = now, later(now, HORIZON)
    for _ in range(MOST_STEPS):
        moved = at
        for holds_from in conditions:
            found = holds_from(moved)
            if found is None or found > until:
                return None
            moved = found
        if moved == at:
            return at
        at = moved
    return None


def _between(start: datetime | None, end: datetime | None, at: datetime) -> datetime | None:
    found = at if start is None else max(at, start)
    return found if end is None or found < end else None


def _open_from(hours: str, time_zone: str, at: datetime) -> datetime | None:
    moment: datetime | None = at
    for _ in range(MOST_STEPS):
        if moment is None or is_open(hours, time_zone, moment):
            return moment
        moment = next_change(hours, time_zone, moment)
    return None


def _not_quiet_from(defaults: Defaults, time_zone: str, at: datetime) -> datetime | None:
    return quiet_until(_anybody(time_zone), defaults, at) or at


def _anybody(time_zone: str) -> Person:
    """Somebody who chose no quiet hours."""
    return Person(customer_id=UUID(int=0), time_zone=time_zone, language="en", grants=frozenset())
