"""The reference's calendar: it walks from moment to moment and looks at the wall, and computes nothing.

Offsets and clock changes of today's zones lie on quarters of an hour, wall-clock times on minutes.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)


def wall(at: datetime, time_zone: str) -> datetime:
    """What a clock in that zone shows, without its zone."""
    return at.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)


@cache
def first_moment(day: date, time_zone: str) -> datetime:
    """The first quarter of an hour whose local date is `day`."""
    at = datetime.combine(day, time(0), UTC) - timedelta(hours=15)
    while wall(at, time_zone).date() < day:
        at += QUARTER
    return at


def first_day(day: date, unit: str) -> date:
    """Of the day, week (from Monday) or month that `day` is in."""
    while (unit == "week" and day.weekday() != 0) or (unit == "month" and day.day != 1):
        day -= timedelta(days=1)
    return day


def is_within(clock: time, start: time, end: time) -> bool:
    """From `start` until before `end`, over midnight if it ends earlier than it starts; equal is never."""
    if start == end:
        return False
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end


def is_quiet_at(at: datetime, time_zone: str, start: time, end: time) -> bool:
    return is_within(wall(at, time_zone).time(), start, end)


def quiet_ends(now: datetime, time_zone: str, start: time, end: time) -> datetime:
    """The first full minute after `now` that is not quiet."""
    at = now.replace(second=0, microsecond=0) + MINUTE
    while is_quiet_at(at, time_zone, start, end):
        at += MINUTE
    return at
