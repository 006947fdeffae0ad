"""When a site, a fence or an offer is on: its dates, weekly hours and opening hours, in its own zone.

Not known counts as closed: who asks for "only while open" would rather stay silent than send
somebody to a locked door, and an offer whose weekly hours cannot be read does not run. Hours that
cannot be understood are not known; only `parse_hours`, asked at the edge, ever raises for them.
"""

from datetime import datetime, timedelta
from typing import Final

from geo.wall_clock import clock_change, country_of, is_zone, later, rfc3339, wall_time
from offers.hours import Hours, hours_of, parse_hours
from offers.terms import Offer, Place, Reason, Rule

HORIZON: Final = timedelta(days=366)


def is_open(hours: str | None, time_zone: str, at: datetime) -> bool | None:
    """Whether a place with these hours is open at `at`; None: not known."""
    understood = _understood(hours, time_zone)
    return None if understood is None else understood.is_open(wall_time(at, time_zone))


def next_opening(hours: str | None, time_zone: str, at: datetime) -> datetime | None:
    """The first moment (UTC) after `at` at which a place that is not open then opens.

    None when it is open already, when its hours are not known, or when it stays shut for a year.
    """
    understood = _understood(hours, time_zone)
    if understood is None or is_open(hours, time_zone, at):
        return None
    moment: datetime | None = at
    while moment is not None and moment <= later(at, HORIZON):
        moment = _next_change(understood, time_zone, moment)
        if moment is not None and is_open(hours, time_zone, moment):
            return moment
    return None


def next_change(hours: str | None, time_zone: str, at: datetime) -> datetime | None:
    """When (UTC) what `is_open` says may be different next; None: not within a year, or not known."""
    understood = _understood(hours, time_zone)
    return None if understood is None else _next_change(understood, time_zone, at)


def _understood(hours: str | None, time_zone: str) -> Hours | None:
    if hours is None or not is_zone(time_zone):
        return None
    return hours_of(hours, country_of(time_zone))


def _next_change(hours: Hours, time_zone: str, at: datetime) -> datetime | None:
    wall = wall_time(at, time_zone)
    change = hours.next_change(wall)
    if change is None:
        return None
    moment = later(at, change - wall)
    # Where the clocks are changed first, the answer is only good until then: ask again from there.
    return clock_change(at, moment, time_zone) or moment


def is_fence_active(place: Place, at: datetime) -> Rule:
    """Whether the fence may cause anything at `at`: started, not disabled, within its active hours."""
    hours, starts_at, disabled_at = place.fence_active_hours, place.fence_starts_at, place.fence_disabled_at
    in_hours = hours is None or is_open(hours, place.time_zone, at)
    return Rule(
        name=Reason.FENCE_INACTIVE,
        passed=_is_between(starts_at, disabled_at, at) and in_hours is True,
        numbers={
            "starts_at": _written(starts_at),
            "disabled_at": _written(disabled_at),
            "in_hours": in_hours,
        },
    )


def is_scheduled(offer: Offer, time_zone: str, at: datetime) -> Rule:
    """Whether the offer runs at `at`: from `starts_at` until before `ends_at`, in its weekly hours."""
    in_hours = offer.weekly_hours is None or is_open(offer.weekly_hours, time_zone, at)
    return Rule(
        name=Reason.NOT_SCHEDULED,
        passed=_is_between(offer.starts_at, offer.ends_at, at) and in_hours is True,
        numbers={
            "starts_at": _written(offer.starts_at),
            "ends_at": _written(offer.ends_at),
            "in_hours": in_hours,
        },
    )


def is_site_open(offer: Offer, place: Place, at: datetime) -> Rule:
    """Whether the site is open, where the offer asks for that."""
    if not offer.only_while_open:
        return Rule(name=Reason.SITE_CLOSED, passed=True, numbers={"only_while_open": False})
    state = is_open(place.opening_hours, place.time_zone, at)
    return Rule(name=Reason.SITE_CLOSED, passed=state is True, numbers={"is_open": state})


def _is_between(start: datetime | None, end: datetime | None, at: datetime) -> bool:
    return (start is None or start <= at) and (end is None or at < end)


def _written(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


__all__ = [
    "is_fence_active",
    "is_open",
    "is_scheduled",
    "is_site_open",
    "next_change",
    "next_opening",
    "parse_hours",
]
