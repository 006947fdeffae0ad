"""In which order menus around are shown: what they cost somebody in minutes, and nothing else.

Walking there, waiting for it to open, having to hurry: all are minutes, so that they can be weighed. Taste
takes some off, only with consent to personalisation. No offer, payment or retailer is known here: a place
cannot be bought, and an answer that said otherwise would have to say `sponsored`.
Pure: no database.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

# By a grid of streets it is 4/pi (1.27) times as far as the crow flies, over all directions; and there are
# rivers. No routing engine is asked.
DETOUR: Final = 1.3
# A comfortable walk (4.8 km/h), as housing advertisements in Japan have to reckon it.
METRES_PER_MINUTE: Final = 80.0
# Who comes with less time than that has to hurry, and at the very end has lost an hour.
MEAL: Final = timedelta(hours=1)
_HURRY_MIN: Final = 60.0
# A locked door, besides the waiting; hours that nobody told may mean one.
_CLOSED_MIN: Final = 30.0
_UNKNOWN_MIN: Final = 20.0
_LONGEST_WAIT_MIN: Final = 24 * 60.0
_SHUT_MIN: Final = _LONGEST_WAIT_MIN + 2 * _CLOSED_MIN
# For what somebody likes they would walk so much longer.
_TASTE_MIN: Final = 10.0
_MINUTE: Final = timedelta(minutes=1)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A menu as it is ranked. `distance_m` as the crow flies; times as in `offers.menus.opening.Opening`."""

    menu_id: int
    distance_m: float
    cuisines: frozenset[str] = frozenset()
    open_now: bool | None = None
    closes_at: datetime | None = None
    opens_at: datetime | None = None


def walk_m(distance_m: float) -> float:
    """How far it is on foot, about."""
    return distance_m * DETOUR


def walk_min(distance_m: float) -> float:
    """How long that takes, in minutes."""
    return walk_m(distance_m) / METRES_PER_MINUTE


def whole_walk_min(distance_m: float) -> int:
    """The same as it is told: begun minutes count."""
    return math.ceil(walk_min(distance_m))


def cost_min(candidate: Candidate, now: datetime, tastes: frozenset[str] = frozenset()) -> float:
    """What it costs in minutes to eat there, going now; less is better.

    `tastes`: cuisines as OSM writes them, empty without consent to personalisation. One that is liked is as
    good as ten: counting them would reward whoever lists the most.
    """
    walk = walk_min(candidate.distance_m)
    liked = _TASTE_MIN if not tastes.isdisjoint(candidate.cuisines) else 0.0
    return walk + _at_the_door_min(candidate, now + walk * _MINUTE) - liked


def ranked(
    candidates: Iterable[Candidate], now: datetime, tastes: frozenset[str] = frozenset()
) -> list[Candidate]:
    """The best first, whatever the order they come in; of equals the nearer, then the older."""
    return sorted(candidates, key=lambda one: (cost_min(one, now, tastes), one.distance_m, one.menu_id))


def tastes_of(interests: Iterable[str]) -> frozenset[str]:
    """Interests as people type them, written as cuisines are: "Fish and chips" is fish_and_chips."""
    return frozenset("_".join(one.casefold().split()) for one in interests)


def _at_the_door_min(candidate: Candidate, arrival: datetime) -> float:
    if candidate.open_now is None:
        return _UNKNOWN_MIN
    if candidate.open_now:
        return _hurry_min(candidate.closes_at, arrival)
    return _waiting_min(candidate.opens_at, arrival)


def _hurry_min(closes_at: datetime | None, arrival: datetime) -> float:
    if closes_at is None:
        return 0.0
    left = closes_at - arrival
    if left <= timedelta(0):
        return _SHUT_MIN
    return _HURRY_MIN * max(0.0, 1.0 - left / MEAL)


def _waiting_min(opens_at: datetime | None, arrival: datetime) -> float:
    if opens_at is None:
        return _SHUT_MIN
    wait = max(0.0, (opens_at - arrival) / _MINUTE)
    return _CLOSED_MIN + min(wait, _LONGEST_WAIT_MIN)
