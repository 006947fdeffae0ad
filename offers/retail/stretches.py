"""How long a place is open at a stretch: what a dwell must fit into."""

from datetime import datetime, timedelta
from typing import Final

from offers.hours import hours_of

_LOOKED_AT: Final = timedelta(days=8)
_MOST_CHANGES: Final = 200


def longest_open_s(text: str | None, wall: datetime) -> float | None:
    """The longest stretch within eight days of `wall` (naive, on the place's own wall), in seconds.

    None: no hours, none that can be read, or open without end. 0 where it does not open at all.
    """
    hours = hours_of(text) if text else None
    if hours is None:
        return None
    until, longest_s = wall + _LOOKED_AT, 0.0
    for _ in range(_MOST_CHANGES):
        change = hours.next_change(wall)
        if hours.is_open(wall) is not False:  # not known may be open
            if change is None:
                return None
            longest_s = max(longest_s, (change - wall).total_seconds())
        if change is None or change >= until:
            break
        wall = change
    return longest_s
