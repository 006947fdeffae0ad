"""What a visit is: stays of one person at one retailer's places, told apart by time.

A stay is a dwell at one of the retailer's fences. Stays that begin within four hours of each other
are one visit, so that whoever went next door and came back has not returned. Owns counting only.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from geo.wall_clock import later

SAME_VISIT: Final = timedelta(hours=4)
# Crossings are kept for so long; what retention has not come to yet does not count either.
REMEMBERED: Final = timedelta(days=90)


def visits_before(stays: Iterable[datetime], at: datetime) -> list[datetime]:
    """When each visit before the one that is under way `at` then began (UTC, ascending)."""
    visits: list[datetime] = []
    ended = None
    since = later(at, -REMEMBERED)
    for stay in sorted(stay for stay in stays if since <= stay <= at):
        if ended is None or stay - ended > SAME_VISIT:
            visits.append(stay)
        ended = stay
    if ended is not None and ended >= later(at, -SAME_VISIT):
        visits.pop()  # it has not ended: `at` belongs to it
    return visits


def days_since(visit: datetime, at: datetime) -> int:
    """Full days that had passed."""
    return (at - visit) // timedelta(days=1)
