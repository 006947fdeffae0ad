"""When a person is not to be disturbed: wall-clock times in the person's own zone.

Owns what quiet hours mean. What happens to an offer that meets them is decided elsewhere.
"""

from datetime import datetime, time, timedelta

from offers.terms import Defaults, Person
from offers.wall_clock import clock_change, later, moment_of, wall_time


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
    ends = sorted(moment for moment in _possible_ends(person, defaults, now) if moment > now)
    return next(moment for moment in ends if not is_quiet(person, defaults, moment))


def _possible_ends(person: Person, defaults: Defaults, now: datetime) -> list[datetime]:
    zone, (_, end) = person.time_zone, quiet_times(person, defaults)
    today = wall_time(now, zone).date()
    days = [today + timedelta(days=offset) for offset in range(3)]
    moments = [moment_of(datetime.combine(day, end), zone) for day in days]
    # Clocks that are changed may end the quiet themselves, or show its end a second time.
    change = clock_change(now, later(now, timedelta(days=2)), zone)
    if change is None:
        return moments
    missing = datetime.combine(wall_time(change, zone).date(), end) - wall_time(change, zone)
    return [*moments, change, later(change, missing)]
