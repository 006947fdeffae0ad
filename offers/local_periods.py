"""The hours, days and weeks of a time zone, as reports are cut: where each begins in UTC, and its name.

A day is from local midnight to local midnight, so one of 23 or 25 hours where clocks are changed; a week
begins on Monday. Decisions are counted by the full UTC hour, so every cut lies at one: in a zone that is
half an hour off, a day begins at the first full UTC hour in it. Pure.
"""

from datetime import date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple

from geo.wall_clock import later, moment_of, zone_of

Step = Literal["hour", "day", "week", "all"]

_HOUR: Final = timedelta(hours=1)


class Periods(NamedTuple):
    """`starts` of every period, and where the last one ends: one more than `names`."""

    starts: list[datetime]
    names: list[str]


def periods_of(step: Step, since: date, until: date, time_zone: str) -> Periods:
    """Of the local days from `since` until before `until`, which must be later.

    A day is named by its date, a week by its Monday even where `since` is later, an hour by its beginning
    with the offset (`2026-10-25T02:00+02:00` and then `2026-10-25T02:00+01:00`), the whole span by `since`.
    """
    if step == "hour":
        return _hours(since, until, time_zone)
    days = [since + timedelta(days=number) for number in range((until - since).days)]
    if step == "week":
        days = [day for day in days if day == since or day.weekday() == 0]
        names = [(day - timedelta(days=day.weekday())).isoformat() for day in days]
    else:
        days = days[:1] if step == "all" else days
        names = [day.isoformat() for day in days]
    return Periods([first_hour_of(day, time_zone) for day in [*days, until]], names)


def first_hour_of(day: date, time_zone: str) -> datetime:
    """The first full UTC hour that begins on this local day."""
    midnight = moment_of(datetime.combine(day, time.min), time_zone)
    hour = midnight.replace(minute=0, second=0, microsecond=0)
    return hour if hour == midnight else later(hour, _HOUR)


def _hours(since: date, until: date, time_zone: str) -> Periods:
    first, end = first_hour_of(since, time_zone), first_hour_of(until, time_zone)
    starts = [later(first, number * _HOUR) for number in range((end - first) // _HOUR)]
    zone = zone_of(time_zone)
    return Periods([*starts, end], [hour.astimezone(zone).isoformat(timespec="minutes") for hour in starts])
