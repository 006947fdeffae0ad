"""When a person is not to be disturbed: wall-clock times in the person's own zone.

Owns what quiet hours mean. What happens to an offer that meets them is decided elsewhere.
"""

from datetime import datetime, time, timedelta
from hashlib import blake2b
from typing import Final

from geo.wall_clock import clock_change, later, wall_time
from offers.terms import Defaults, Person

# What was held is let go over so long a time, so that not every phone of a city rings at eight.
SPREAD: Final = timedelta(minutes=30)


def quiet_times(person: Person, defaults: Defaults) -> tuple[time, time]:
    """(start, end) that hold for this person: their own, else the system's. Equal means none."""
    if person.quiet_start is None or person.quiet_end is None:
        return defaults.quiet_start, defaults.quiet_end
    return person.quiet_start, person.quiet_end


def is_quiet(person: Person, defaults: Defaults, now: datetime) -> bool:
    """Whether the clock on this person's wall stands in [start, end), which may wrap midnight.

    The clock alone decides: an hour that is skipped is not there to be quiet in, and one that
    happens twice is quiet twice.
    """
    start, end = quiet_times(person, defaults)
    clock = wall_time(now, person.time_zone).time()
    if start <= end:
        return start <= clock < end
    return clock >= start or clock < end


def quiet_until(person: Person, defaults: Defaults, now: datetime) -> datetime | None:
    """The first moment (UTC) after `now` that is not quiet; None when it is not quiet now."""
    if not is_quiet(person, defaults, now):
        return None
    ends = [_end_shown(person, defaults, now)]
    # Clocks that are changed before then may end the quiet themselves, or show its end once more.
    change = clock_change(now, later(now, timedelta(days=2)), person.time_zone)
    if change is not None:
        ends += [change, _end_shown(person, defaults, change)]
    return min(moment for moment in ends if not is_quiet(person, defaults, moment))


def released_at(person: Person, defaults: Defaults, now: datetime) -> datetime | None:
    """When something held over these quiet hours is let go (UTC): at their end, or up to half an hour later.

    The same person's share of the half hour is the same every day. None when it is not quiet now.
    """
    until = quiet_until(person, defaults, now)
    if until is None:
        return None
    drawn = blake2b(person.customer_id.bytes, digest_size=4, person=b"hold").digest()
    return later(until, SPREAD * (int.from_bytes(drawn, "big") / 2**32))


def _end_shown(person: Person, defaults: Defaults, at: datetime) -> datetime:
    """When the clock shows the end of the quiet hours next, if it is not changed before."""
    _, end = quiet_times(person, defaults)
    wall = wall_time(at, person.time_zone)
    wait = datetime.combine(wall.date(), end) - wall
    return later(at, wait % timedelta(days=1))
